using System.Text.Json;
using System.Text.Json.Serialization;

namespace InferenceServer.Runtime.Manifests;

/// <summary>Reads <c>"voc"</c> as the name of a palette and <c>["#808080", …]</c> as its colours.</summary>
internal sealed class PaletteConverter : JsonConverter<IReadOnlyList<string>?>
{
    public override IReadOnlyList<string>? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType == JsonTokenType.String ? [reader.GetString()!] : JsonSerializer.Deserialize<List<string>>(ref reader, options);

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
}
