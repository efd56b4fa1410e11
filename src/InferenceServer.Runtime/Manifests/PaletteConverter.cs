using System.Text.Json;
using System.Text.Json.Serialization;

namespace InferenceServer.Runtime.Manifests;

/// <summary>Reads <c>"voc"</c> as the name of a palette and <c>["#808080", …]</c> as its colours.</summary>
internal sealed class PaletteConverter : JsonConverter<IReadOnlyList<string>?>
{
    // Read by hand: a nested deserialisation would lose the path that errors are reported with.
    public override IReadOnlyList<string>? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            return [Color(ref reader)];
        }

        List<string> colors = [];
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            colors.Add(Color(ref reader));
        }

        return colors;
    }

    public override void Write(Utf8JsonWriter writer, IReadOnlyList<string>? value, JsonSerializerOptions options)
    {
        if (value is [string name] && !name.StartsWith('#'))
        {
            writer.WriteStringValue(name);
        }
        else
        {
            JsonSerializer.Serialize(writer, value, options);
        }
    }

    private static string Color(ref Utf8JsonReader reader) => reader.TokenType == JsonTokenType.String ? reader.GetString()! : throw new JsonException();
}
