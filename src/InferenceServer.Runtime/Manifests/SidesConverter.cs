using System.Text.Json;
using System.Text.Json.Serialization;

namespace InferenceServer.Runtime.Manifests;

/// <summary>Reads <c>520</c> as one side and <c>[360, 480]</c> as height and width.</summary>
internal sealed class SidesConverter : JsonConverter<IReadOnlyList<int>?>
{
    // Read by hand: a nested deserialisation would lose the path that errors are reported with.
    public override IReadOnlyList<int>? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            return [Side(ref reader)];
        }

        List<int> sides = [];
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            sides.Add(Side(ref reader));
        }

        return sides;
    }

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

    private static int Side(ref Utf8JsonReader reader) => reader.TokenType == JsonTokenType.Number && reader.TryGetInt32(out int side) ? side : throw new JsonException();
}
