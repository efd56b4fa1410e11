using System.Buffers;
using System.Text.Json;
using InferenceServer.Kernels;
using InferenceServer.Kernels.Outlines;
using InferenceServer.Runtime.Postprocessing;

namespace InferenceServer.Runtime.Formats;

/// <summary>The summary and the outlines of each class in pixels: a list of parts, each with an outline and its
/// holes.</summary>
internal sealed class PolygonsEncoder : IMaskEncoder
{
    private const int PointBytes = 64;

    public EncodingBytes Bytes(in MaskExtent mask, FormatSettings options) =>
        EncodingBytes.Few;

    public void Encode(MaskContent content, FormatSettings options, IBufferWriter<byte> output)
    {
        ILookup<int, LabelPolygon> parts = Outlines.Of(content, options.Tolerance, PointBytes);
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
    private const int RunBytes = 24; // of a part's piece in one row, in lists that grow
    private const int MostCorners = 4; // of a run

    /// <returns>The parts of each class in the mask, by class.</returns>
    /// <param name="content">The mask.</param>
    /// <param name="tolerance">As for <see cref="LabelOutlines.Compute"/>.</param>
    /// <param name="pointBytes">Bytes that the caller takes for a point, the point included; the answer is not.</param>
    /// <exception cref="SegmentationException">The outlines have too many points, or the server is full.</exception>
    public static ILookup<int, LabelPolygon> Of(MaskContent content, double tolerance, int pointBytes) =>
        Find(content, tolerance, MaxPoints, pointBytes) ?? throw new SegmentationException(
            SegmentationError.InvalidRequest,
            $"Expected outlines of at most {MaxPoints:N0} points, got more; request png, coco-rle or masks.");

    /// <inheritdoc cref="Of"/>
    /// <returns>The parts of each class in the mask, by class; null where they have more points than
    /// <paramref name="maxPoints"/>.</returns>
    public static ILookup<int, LabelPolygon>? Find(MaskContent content, double tolerance, int maxPoints, int pointBytes)
    {
        List<(int Class, LabelPolygon Part)> parts = [];
        long points = 0, claimed = 0;
        foreach (LabelPlane plane in content.Planes)
        {
            long runs = Runs.InRows(plane.Values.Span, content.Size);
            content.Claim(RunBytes * runs);
            long more = Math.Min(MostCorners * runs, maxPoints - claimed);
            content.Claim(pointBytes * more);
            claimed += more;
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

/// <summary>Counts the runs of equal labels, of which the memory of encoders is made.</summary>
internal static class Runs
{
    /// <summary>Runs in all rows; a few more where rows begin as the row before ends.</summary>
    public static long InRows(ReadOnlySpan<byte> labels, ImageSize size)
    {
        long runs = size.Height;
        while (!labels.IsEmpty && labels.IndexOfAnyExcept(labels[0]) is > 0 and int end)
        {
            labels = labels[end..];
            runs++;
        }

        return runs;
    }

    /// <summary>Runs in all columns.</summary>
    public static long InColumns(ReadOnlySpan<byte> labels, ImageSize size)
    {
        long runs = size.Width;
        for (int y = 1; y < size.Height; y++)
        {
            ReadOnlySpan<byte> above = labels.Slice((y - 1) * size.Width, size.Width), row = labels.Slice(y * size.Width, size.Width);
            for (int x = row.CommonPrefixLength(above); x < row.Length; x += 1 + row[(x + 1)..].CommonPrefixLength(above[(x + 1)..]))
            {
                runs++;
            }
        }

        return runs;
    }
}
