using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization;
using InferenceServer.Kernels.Metrics;

namespace InferenceServer.Runtime.Formats;

/// <summary>The response in the format <c>json</c>.</summary>
internal sealed record MaskSummary
{
    /// <summary>The model's name.</summary>
    public required string Model { get; init; }

    /// <summary>The model's version.</summary>
    public required int Version { get; init; }

    /// <summary>Width of the upright image, in pixels.</summary>
    public required int Width { get; init; }

    /// <summary>Height of the upright image, in pixels.</summary>
    public required int Height { get; init; }

    /// <summary>The classes in the mask, in order of their index.</summary>
    public required IReadOnlyList<ClassSummary> Classes { get; init; }

    /// <summary>Summarizes a result.</summary>
    public static MaskSummary Of(MaskContent content)
    {
        IReadOnlyList<LabelRegion> present = LabelStatistics.Compute(content.Labels.Span, content.Size);
        return new MaskSummary
        {
            Model = content.Model,
            Version = content.Version,
            Width = content.Size.Width,
            Height = content.Size.Height,
            Classes = [.. present.Select(s => new ClassSummary
            {
                Index = s.Label,
                Name = s.Label < content.Classes.Names.Count ? content.Classes.Names[s.Label] : "void",
                Color = content.Classes.Color(s.Label),
                Pixels = s.Pixels,
                Share = Math.Round((double)s.Pixels / content.Size.Pixels, 6),
                Box = new BoxSummary { X = s.Left, Y = s.Top, Width = s.Width, Height = s.Height },
            })],
        };
    }
}

/// <summary>One class in the mask.</summary>
internal sealed record ClassSummary
{
    /// <summary>Index in the mask.</summary>
    public required int Index { get; init; }

    /// <summary>The class's name.</summary>
    public required string Name { get; init; }

    /// <summary>The class's colour, #rrggbb.</summary>
    public required string Color { get; init; }

    /// <summary>Number of pixels.</summary>
    public required long Pixels { get; init; }

    /// <summary>Share of all pixels, 0 to 1.</summary>
    public required double Share { get; init; }

    /// <summary>The bounding box of the class's pixels.</summary>
    public required BoxSummary Box { get; init; }
}

/// <summary>A rectangle in pixels.</summary>
internal sealed record BoxSummary
{
    /// <summary>Leftmost column.</summary>
    public required int X { get; init; }

    /// <summary>Topmost row.</summary>
    public required int Y { get; init; }

    /// <summary>Columns.</summary>
    public required int Width { get; init; }

    /// <summary>Rows.</summary>
    public required int Height { get; init; }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(MaskSummary))]
internal sealed partial class MaskSummaryJson : JsonSerializerContext;

/// <summary>Counts the pixels of each class in a mask, and finds their bounding boxes.</summary>
internal sealed class SummaryJsonEncoder : IMaskEncoder
{
    public void Encode(MaskContent content, FormatSettings options, IBufferWriter<byte> output)
    {
        using Utf8JsonWriter writer = new(output);
        JsonSerializer.Serialize(writer, MaskSummary.Of(content), MaskSummaryJson.Default.MaskSummary);
    }
}
