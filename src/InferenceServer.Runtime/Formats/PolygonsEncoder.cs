using System.Buffers;
using System.Text.Json;
using InferenceServer.Kernels.Outlines;
using InferenceServer.Runtime.Postprocessing;

namespace InferenceServer.Runtime.Formats;

/// <summary>The summary and the outlines of each class in pixels: a list of parts, each with an outline and its
/// holes.</summary>
internal sealed class PolygonsEncoder : IMaskEncoder
{
    public void Encode(MaskContent content, FormatSettings options, IBufferWriter<byte> output)
    {
        ILookup<int, LabelPolygon> parts = Outlines.Of(content, options.Tolerance);
        MaskSummary summary = MaskSummary.Of(content);
        using Utf8JsonWriter json = JsonText.Create(output);
        json.WriteStartObject();
        json.WriteHead(summary);
        if (summary.Georeference is { } georeference)
        {
            json.WritePropertyName("georeference"u8);
            JsonSerializer.Serialize(json, georeference, MaskSummaryJson.Default.Georeference);
        }

        json.WriteStartArray("classes"u8);
        foreach (ClassSummary of in summary.Classes)
        {
            json.WriteStartObject();
            json.WriteClass(of);
            json.WriteStartArray("polygons"u8);
            foreach (LabelPolygon part in parts[of.Index])
            {
                Write(json, part);
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, LabelPolygon part)
    {
        json.WriteStartArray();
        foreach (GridPoint[] ring in part.Rings)
        {
            json.WriteStartArray();
            foreach (GridPoint point in ring)
            {
                json.WriteStartArray();
                json.WriteNumberValue(point.X);
                json.WriteNumberValue(point.Y);
                json.WriteEndArray();
            }

            json.WriteEndArray();
        }

        json.WriteEndArray();
    }
}

/// <summary>The outlines of a mask, with a limit on the number of points.</summary>
internal static class Outlines
{
    private const int MaxPoints = 4_000_000; // about 60 MB of JSON

    /// <returns>The parts of each class in the mask, by class.</returns>
    /// <exception cref="SegmentationException">The outlines have too many points.</exception>
    public static ILookup<int, LabelPolygon> Of(MaskContent content, double tolerance) =>
        Find(content, tolerance, MaxPoints) ?? throw new SegmentationException(
            SegmentationError.InvalidRequest,
            $"Expected outlines of at most {MaxPoints:N0} points, got more; request png, coco-rle or masks.");

    /// <returns>The parts of each class in the mask, by class; null where they have more points than
    /// <paramref name="maxPoints"/>.</returns>
    public static ILookup<int, LabelPolygon>? Find(MaskContent content, double tolerance, int maxPoints)
    {
        List<(int Class, LabelPolygon Part)> parts = [];
        long points = 0;
        foreach (LabelPlane plane in content.Planes)
        {
            if (LabelOutlines.Compute(plane.Values.Span, content.Size, tolerance, maxPoints) is not { } found)
            {
                return null;
            }

            foreach (LabelPolygon part in found)
            {
                if (plane.TryGetClass(part.Label, out int index))
                {
                    points += part.Rings.Sum(ring => (long)ring.Length);
                    parts.Add((index, part));
                }
            }
        }

        if (points <= maxPoints)
        {
            return parts.ToLookup(found => found.Class, found => found.Part);
        }

        return null;
    }
}
