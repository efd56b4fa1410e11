using System.Text.Json;
using InferenceServer.Runtime;

namespace InferenceServer.OpenInference;

/// <summary>Steps through a JSON text, with errors that say what was expected where.</summary>
internal static class JsonSteps
{
    /// <summary>The next member's name, the reader then standing at its value; null at the object's end.</summary>
    public static string? NextMember(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType == JsonTokenType.EndObject)
        {
            return null;
        }

        string name = Text(ref reader);
        reader.Read();
        return name;
    }

    /// <summary>Whether the reader stands at another element of an array, and not at its end.</summary>
    public static bool NextElement(ref Utf8JsonReader reader) => reader.Read() && reader.TokenType != JsonTokenType.EndArray;

    /// <exception cref="SegmentationException">It does not.</exception>
    public static string Text(ref Utf8JsonReader reader, string member)
    {
        Expect(reader, JsonTokenType.String, member);
        return Text(ref reader);
    }

    /// <summary>The text or name that the reader stands at.</summary>
    /// <exception cref="SegmentationException">It is too long.</exception>
    public static string Text(ref Utf8JsonReader reader) => reader.ValueSpan.Length <= InferLimits.TextBytes ? reader.GetString()!
        : throw new SegmentationException(SegmentationError.InvalidRequest, $"A name or text has {reader.ValueSpan.Length:N0} bytes; at most {InferLimits.TextBytes:N0} are taken.");

    /// <exception cref="SegmentationException">The reader stands at something else.</exception>
    public static void Expect(in Utf8JsonReader reader, JsonTokenType type, string member)
    {
        if (reader.TokenType != type)
        {
            throw new SegmentationException(SegmentationError.InvalidRequest, $"{member}: expected {Name(type)}, found {Name(reader.TokenType)}.");
        }
    }

    private static string Name(JsonTokenType type) => type switch
    {
        JsonTokenType.StartObject => "an object",
        JsonTokenType.StartArray => "an array",
        JsonTokenType.String => "a text",
        JsonTokenType.Number => "a number",
        _ => "something else",
    };
}
