using System.Globalization;
using System.Text.Json;
using InferenceServer.Runtime;

namespace InferenceServer.OpenInference;

/// <summary>Parameters of a request or of a tensor, by name.</summary>
/// <param name="values">The values, each a <see cref="string"/>, <see cref="long"/>, <see cref="double"/> or
/// <see cref="bool"/>.</param>
internal sealed class InferParameters(IReadOnlyDictionary<string, object> values)
{
    public static InferParameters None { get; } = new(new Dictionary<string, object>());

    /// <summary>Whether the parameter is given.</summary>
    public bool Has(string name) => values.ContainsKey(name);

    /// <summary>A value as text, as in a query; null where it is not given.</summary>
    public string? Text(string name) => values.GetValueOrDefault(name) switch
    {
        null => null,
        bool flag => flag ? "true" : "false",
        var value => Convert.ToString(value, CultureInfo.InvariantCulture),
    };

    /// <summary>A value as true or false; null where it is not given.</summary>
    /// <exception cref="SegmentationException">The value is neither.</exception>
    public bool? Flag(string name) => values.GetValueOrDefault(name) switch
    {
        null => null,
        bool flag => flag,
        _ => throw Invalid(name, "true or false"),
    };

    /// <summary>A value as a whole number, 0 or more; null where it is not given.</summary>
    /// <exception cref="SegmentationException">The value is not such a number.</exception>
    public long? Number(string name) => values.GetValueOrDefault(name) switch
    {
        null => null,
        long and >= 0 and var number => number,
        // Some gRPC clients can only send texts.
        string text when long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long number) => number,
        _ => throw Invalid(name, "a whole number, 0 or more"),
    };

    /// <summary>Reads an object; the reader is at its start.</summary>
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
                // A conditional expression without casts would make both doubles.
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

/// <summary>Limits of a request's parts, checked while it is read: two bytes on the wire can become hundreds in
/// memory.</summary>
internal static class InferLimits
{
    /// <summary>Most inputs, and most requested outputs; models have one of each.</summary>
    public const int Tensors = 16;

    /// <summary>Most sides of a shape.</summary>
    public const int Sides = 8;

    /// <summary>Most parameters of a request or tensor.</summary>
    public const int Parameters = 64;

    /// <summary>Most elements of <c>BYTES</c>: the most images that a manifest can allow.</summary>
    public const int Elements = 1024;

    /// <summary>Most bytes of a name or another text.</summary>
    public const int TextBytes = 1024;

    /// <exception cref="SegmentationException">The count is above <paramref name="most"/>.</exception>
    public static void Check(int count, int most, string what)
    {
        if (count > most)
        {
            throw new SegmentationException(
                SegmentationError.InvalidRequest, $"{what}: expected at most {most:N0}, got more.");
        }
    }
}
