using System.Buffers;
using System.Text.Json.Nodes;
using InferenceServer.Kernels;
using InferenceServer.Runtime.Formats;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Postprocessing;
using Microsoft.OpenApi;

namespace InferenceServer.OpenApi;

/// <summary>An example of each format of a mask. The encoders of the formats make the JSON examples from a small
/// mask.</summary>
internal static class FormatExamples
{
    private static readonly byte[] Labels =
    [
        0, 0, 0, 0,
        0, 1, 1, 0,
        0, 0, 0, 0,
    ];

    private static readonly MaskContent Mask = new()
    {
        Model = "roads",
        Version = 1,
        Classes = ClassTable.Create(new ClassesManifest { Names = ["road", "car"], Palette = ["#804080", "#00008e"] }),
        Channels = 2,
        Size = new ImageSize(4, 3),
        Labels = Labels,
        Planes = [new LabelPlane(Labels)],
        Confidence = default,
        Probabilities = default,
        Image = default,
    };

    /// <summary>The title of a format's example, such as <c>color: RGB PNG of the class colours</c>.</summary>
    public static string Summary(MaskFormat format) => $"{format.Name}: {format.Description}";

    public static IOpenApiExample Of(MaskFormat format)
    {
        OpenApiExample example = new() { Summary = Summary(format) };
        if (format.MediaType.EndsWith("json", StringComparison.Ordinal))
        {
            ArrayBufferWriter<byte> json = new();
            format.Encoder.Encode(Mask, FormatSettings.Default, json);
            example.Value = JsonNode.Parse(json.WrittenSpan);
        }

        return example;
    }
}
