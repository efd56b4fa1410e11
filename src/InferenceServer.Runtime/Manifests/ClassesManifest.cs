using System.Text.Json;
using System.Text.Json.Serialization;

namespace InferenceServer.Runtime.Manifests;

/// <summary>Names and colours of the classes.</summary>
internal sealed record ClassesManifest
{
    /// <summary>A built-in data set that supplies missing names and a missing palette (voc, cityscapes, camvid or
    /// ade20k), or any other text as a note.</summary>
    public string? Dataset { get; init; }

    /// <summary>One name for each class, in order of the index; optional with a built-in data set.</summary>
    public IReadOnlyList<string>? Names { get; init; }

    /// <summary>A built-in palette's name, or one #rrggbb for each class.</summary>
    [JsonConverter(typeof(PaletteConverter))]
    public IReadOnlyList<string>? Palette { get; init; }

    /// <summary>The label of pixels without a class; null takes 255 for up to 256 classes, else 65535.</summary>
    public int? Ignore { get; init; }

    /// <summary>Stored grey level of each class, for tools that need it; shown in the model's metadata.</summary>
    public IReadOnlyList<int>? Values { get; init; }

    /// <summary>Identifier of each class on the data set's evaluation server; shown in the model's metadata.</summary>
    public IReadOnlyList<int>? SubmitIds { get; init; }
}

/// <summary>Reads <c>"voc"</c> as the name of a palette and <c>["#808080", …]</c> as its colours.</summary>
internal sealed class PaletteConverter : JsonConverter<IReadOnlyList<string>?>
{
    // Parsed by hand: a nested deserialisation would lose the path that error messages name.
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

    private static string Color(ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.String)
        {
            return reader.GetString()!;
        }

        throw new JsonException();
    }
}
