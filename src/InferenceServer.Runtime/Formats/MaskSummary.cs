using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization;
using InferenceServer.Kernels.Metrics;
using InferenceServer.Kernels.Outlines;
using InferenceServer.Runtime.Postprocessing;

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

    /// <summary>Where the image lies on the map; absent where neither the file nor the request says.</summary>
    public Georeference? Georeference { get; init; }

    /// <summary>The classes in the mask, in order of their index.</summary>
    public required IReadOnlyList<ClassSummary> Classes { get; init; }

    /// <summary>Summarizes a result.</summary>
    public static MaskSummary Of(MaskContent content)
    {
        return new MaskSummary
        {
            Model = content.Model,
            Version = content.Version,
            Width = content.Size.Width,
            Height = content.Size.Height,
            Georeference = content.Georeference,
            Classes = [.. content.Planes.SelectMany(plane => Of(content, plane)).OrderBy(of => of.Index)],
        };
    }

    private static IEnumerable<ClassSummary> Of(MaskContent content, LabelPlane plane)
    {
        foreach (LabelRegion region in LabelStatistics.Compute(plane.Values.Span, content.Size))
        {
            if (plane.TryGetClass(region.Label, out int index))
            {
                yield return new ClassSummary
                {
                    Plane = plane,
                    Value = region.Label,
                    Index = index,
                    Name = content.Classes.NameOf(index),
                    Color = content.Classes.Color(index),
                    Pixels = region.Pixels,
                    Share = Math.Round((double)region.Pixels / content.Size.Pixels, 6),
                    Box = new BoxSummary { X = region.Left, Y = region.Top, Width = region.Width, Height = region.Height },
                };
            }
        }
    }
}

/// <summary>One class in the mask.</summary>
internal sealed record ClassSummary
{
    /// <summary>The class's pixels have <see cref="Value"/> in this plane.</summary>
    [JsonIgnore]
    public LabelPlane Plane { get; init; } = new(default);

    /// <summary>The class's value in <see cref="Plane"/>.</summary>
    [JsonIgnore]
    public byte Value { get; init; }

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

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(MaskSummary))]
[JsonSerializable(typeof(Georeference))]
internal sealed partial class MaskSummaryJson : JsonSerializerContext;

/// <summary>The network's confidence in each class, averaged over the pixels of the class or of its parts.</summary>
internal static class MeanConfidence
{
    /// <returns>0 to 1, by class; empty where the model returns labels, which have no confidence.</returns>
    public static IReadOnlyDictionary<int, double> Confidences(this MaskContent content)
    {
        Dictionary<int, double> confidences = [];
        if (content.Confidence.IsEmpty)
        {
            return confidences;
        }

        foreach (LabelPlane plane in content.Planes)
        {
            if (content.TryGetClaimed(plane, out int claimed))
            {
                confidences[claimed] = Mean(plane.Values.Span, content.Plane(claimed));
                continue;
            }

            double[] means = ClassConfidence.Compute(plane.Values.Span, content.Confidence.Span);
            for (int value = 0; value < means.Length; value++)
            {
                if (plane.TryGetClass((byte)value, out int index))
                {
                    confidences[index] = means[value];
                }
            }
        }

        return confidences;
    }

    /// <returns>0 to 1 for each connected part, by class, in the order of <see cref="Outlines.Of"/>; empty where the model
    /// returns labels, which have no confidence.</returns>
    public static ILookup<int, double> PartConfidences(this MaskContent content)
    {
        List<(int Class, double Mean)> confidences = [];
        foreach (LabelPlane plane in content.Planes.Where(_ => !content.Confidence.IsEmpty))
        {
            IReadOnlyList<(byte Label, double Mean)> means;
            double largest = 1;
            if (content.TryGetClaimed(plane, out int claimed))
            {
                means = LabelOutlines.Means(plane.Values.Span, content.Size, content.Plane(claimed));
            }
            else
            {
                means = LabelOutlines.Means(plane.Values.Span, content.Size, content.Confidence.Span);
                largest = byte.MaxValue;
            }

            foreach ((byte label, double mean) in means)
            {
                if (plane.TryGetClass(label, out int index))
                {
                    confidences.Add((index, mean / largest));
                }
            }
        }

        return confidences.ToLookup(of => of.Class, of => of.Mean);
    }

    // A class that overlaps others has its own probability at each pixel.
    private static bool TryGetClaimed(this MaskContent content, LabelPlane plane, out int index)
    {
        index = -1;
        return !content.Claims.IsEmpty && plane.TryGetClass(1, out index) && index < content.Channels;
    }

    private static double Mean(ReadOnlySpan<byte> claims, ReadOnlySpan<float> probabilities)
    {
        double sum = 0;
        long count = 0;
        for (int i = 0; i < claims.Length; i++)
        {
            if (claims[i] != 0)
            {
                sum += probabilities[i];
                count++;
            }
        }

        return sum / Math.Max(count, 1);
    }
}

/// <summary>Counts the pixels of each class in a mask, and finds their bounding boxes.</summary>
internal sealed class SummaryJsonEncoder : IMaskEncoder
{
    public EncodingBytes Bytes(in MaskExtent mask, FormatSettings options) =>
        EncodingBytes.Few;

    public void Encode(MaskContent content, FormatSettings options, IBufferWriter<byte> output)
    {
        using Utf8JsonWriter writer = new(output);
        JsonSerializer.Serialize(writer, MaskSummary.Of(content), MaskSummaryJson.Default.MaskSummary);
    }
}
