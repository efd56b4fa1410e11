using System.Globalization;
using System.Text.Json;
using InferenceServer.Runtime;

namespace InferenceServer.OpenInference;

/// <summary>Parameters of a request or of one of its tensors: texts, numbers and truth values by name.</summary>
/// <param name="values">Each a <see cref="string"/>, <see cref="long"/>, <see cref="double"/> or <see cref="bool"/>.</param>
internal sealed class InferParameters(IReadOnlyDictionary<string, object> values)
{
    public static InferParameters None { get; } = new(new Dictionary<string, object>());

    /// <summary>Whether there is one of that name.</summary>
    public bool Has(string name) => values.ContainsKey(name);

    /// <summary>A value as it would stand in a query; null where there is none.</summary>
    public string? Text(string name) => values.GetValueOrDefault(name) switch
    {
        null => null,
        bool flag => flag ? "true" : "false",
        var value => Convert.ToString(value, CultureInfo.InvariantCulture),
    };

    /// <exception cref="SegmentationException">It is no truth value.</exception>
    public bool? Flag(string name) => values.GetValueOrDefault(name) switch
    {
        null => null,
        bool flag => flag,
        _ => throw Invalid(name, "true or false"),
    };

    /// <exception cref="SegmentationException">It is no whole number, or a negative one.</exception>
    public long? Number(string name) => values.GetValueOrDefault(name) switch
    {
        null => null,
        long and >= 0 and var number => number,
        // Over gRPC some clients can only send texts.
        string text when long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long number) => number,
        _ => throw Invalid(name, "a whole number, 0 or more"),
    };

    /// <summary>Reads the object that the reader stands at the beginning of.</summary>
    public static InferParameters Read(ref Utf8JsonReader reader)
    {
        JsonReaderExtensions.Expect(reader, JsonTokenType.StartObject, "parameters");
        Dictionary<string, object> values = [];
        while (JsonReaderExtensions.NextMember(ref reader) is { } name)
        {
            values[name] = reader.TokenType switch
            {
                JsonTokenType.String => JsonReaderExtensions.Text(ref reader),
                JsonTokenType.True => true,
                JsonTokenType.False => false,
                // Else both would be doubles.
                JsonTokenType.Number => reader.TryGetInt64(out long whole) ? whole : (object)reader.GetDouble(),
                _ => throw Invalid(name, "a text, a number, true or false"),
            };
            InferLimits.Check(values.Count, InferLimits.Parameters, "parameters");
        }

        return new InferParameters(values);
    }

    private static SegmentationException Invalid(string name, string expected) =>
        new(SegmentationError.InvalidRequest, $"parameters.{name}: expected {expected}.");
}

/// <summary>What a request can be made of. A piece that has two bytes on the wire takes hundreds in memory, so pieces
/// are counted while they are read.</summary>
internal static class InferLimits
{
    /// <summary>Inputs, or outputs that are asked for; models have one of each.</summary>
    public const int Tensors = 16;

    /// <summary>Sides of a shape.</summary>
    public const int Sides = 8;

    /// <summary>Parameters of a request, or of one of its tensors.</summary>
    public const int Parameters = 64;

    /// <summary>Elements of <c>BYTES</c>: as many as the images that a manifest can allow in a request.</summary>
    public const int Elements = 1024;

    /// <summary>Bytes of a name or another text.</summary>
    public const int TextBytes = 1024;

    /// <exception cref="SegmentationException">There are more than <paramref name="most"/>.</exception>
    public static void Check(int count, int most, string what)
    {
        if (count > most)
        {
            throw new SegmentationException(SegmentationError.InvalidRequest, $"{what}: at most {most:N0} are taken.");
        }
    }
}
