using System.Text.Json;
using System.Text.Json.Serialization;

namespace InferenceServer.Runtime.Manifests;

/// <summary>Reads <c>520</c> as one side and <c>[360, 480]</c> as height and width.</summary>
internal sealed class SidesConverter : JsonConverter<IReadOnlyList<int>?>
{
    public override IReadOnlyList<int>? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType == JsonTokenType.Number ? [reader.GetInt32()] : JsonSerializer.Deserialize<List<int>>(ref reader, options);

    public override void Write(Utf8JsonWriter writer, IReadOnlyList<int>? value, JsonSerializerOptions options)
    {
        if (value is [int side])
        {
            writer.WriteNumberValue(side);
        }
        else
        {
            JsonSerializer.Serialize(writer, value, options);
        }
    }
}
