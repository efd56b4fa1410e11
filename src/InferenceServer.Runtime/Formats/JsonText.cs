using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace InferenceServer.Runtime.Formats;

/// <summary>Writers for large responses, and the members that several responses share.</summary>
internal static class JsonText
{
    // By default half of the characters of COCO's counts, and all characters beyond ASCII, would be escaped, for pages
    // that embed JSON in HTML.
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static Utf8JsonWriter Create(IBufferWriter<byte> output) => new(output, Options);

    /// <summary>Writes the summary of a class as members of the open object.</summary>
    public static void WriteClass(this Utf8JsonWriter json, ClassSummary summary)
    {
        json.WriteNumber("index"u8, summary.Index);
        json.WriteString("name"u8, summary.Name);
        json.WriteString("color"u8, summary.Color);
        json.WriteNumber("pixels"u8, summary.Pixels);
        json.WriteNumber("share"u8, summary.Share);
        json.WritePropertyName("box"u8);
        JsonSerializer.Serialize(json, summary.Box, MaskSummaryJson.Default.BoxSummary);
    }

    /// <summary>Writes the model and the size of the image as members of the open object.</summary>
    public static void WriteHead(this Utf8JsonWriter json, MaskSummary summary)
    {
        json.WriteString("model"u8, summary.Model);
        json.WriteNumber("version"u8, summary.Version);
        json.WriteNumber("width"u8, summary.Width);
        json.WriteNumber("height"u8, summary.Height);
    }
}
