using System.Buffers;
using System.Globalization;
using System.Text.Json;
using InferenceServer.Kernels;
using InferenceServer.Kernels.Labels;
using InferenceServer.Kernels.Metrics;
using InferenceServer.Kernels.Outlines;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Formats;
using InferenceServer.Segment;

namespace InferenceServer.Dialects.Cvat;

/// <summary>One function call: reads the image in base64, writes masks that are cut to their boxes.</summary>
internal sealed class CvatExchange(HttpRequest request, CvatOptions options) : IMaskEncoder
{
    private const long MaxEntries = 64 << 20; // pixels in the boxes of all masks, at two bytes each in the answer
    private double _threshold;

    /// <summary>The answer's format.</summary>
    public MaskFormat Format =>
        new("cvat", "application/json", ".json", this, "CVAT's masks") { UsesConfidence = true, UsesPlanes = true };

    /// <inheritdoc cref="ImageReader"/>
    public Task<PooledBufferWriter> ReadAsync(long maxBytes, Action<long> hold, CancellationToken cancellationToken) =>
        JsonBody.ReadAsync(
        request, maxBytes, hold,
        body =>
        {
            _threshold = body.Number("threshold") ?? 0;
            return body.TakeImage("image");
        },
        cancellationToken);

    // The outlines, a mask, and two bytes for each of its pixels.
    public EncodingBytes Bytes(in MaskExtent mask, FormatSettings options) =>
        new(mask.Pixels, Math.Min(2 * mask.Pixels, 2 * MaxEntries));

    public void Encode(MaskContent content, FormatSettings settings, IBufferWriter<byte> output)
    {
        IReadOnlyDictionary<int, double> confidences = content.Confidences();
        bool isSure = confidences.Count == 0; // a graph that returns labels has no confidence
        // The void label is no class of the model, and CVAT has no label for it.
        ClassSummary[] wanted =
        [
            .. MaskSummary.Of(content).Classes
                .Where(c => c.Index < content.Classes.Names.Count && (isSure || confidences[c.Index] >= _threshold)),
        ];
        ILookup<int, LabelPolygon>? parts = content.Outlines(tolerance: 0);
        if (parts is null && options.Masks == CvatMasks.Component)
        {
            throw OutlineLimit.TooMany("Send a smaller image; the server's operator can set Cvat:Masks to Class");
        }

        CheckEntries(options.Masks == CvatMasks.Class
            ? wanted.Select(c => (long)c.Box.Width * c.Box.Height)
            : wanted.SelectMany(c => parts![c.Index])
                .Select(p => PolygonFill.Box(p).Pixels)
                .Where(pixels => pixels >= options.MinPixels));
        using Utf8JsonWriter json = new(output);
        json.WriteStartArray();
        foreach (ClassSummary of in wanted)
        {
            double score = isSure ? 1 : confidences[of.Index];
            if (options.Masks == CvatMasks.Class)
            {
                LabelRegion region = new(of.Value, of.Pixels, of.Box.X, of.Box.Y, of.Box.Width, of.Box.Height);
                Write(
                    json, of.Name, score, region, Crop(of.Plane.Values.Span, content.Size, region),
                    parts?[of.Index].MaxBy(p => PolygonFill.Box(p).Pixels)!.Rings[0] ?? Corners(region));
                continue;
            }

            foreach (LabelPolygon part in parts![of.Index])
            {
                LabelRegion box = PolygonFill.Box(part);
                if (box.Pixels >= options.MinPixels)
                {
                    byte[] mask = PolygonFill.Fill(part, box);
                    Write(json, of.Name, score, box with { Pixels = mask.LongCount(m => m != 0) }, mask, part.Rings[0]);
                }
            }
        }

        json.WriteEndArray();
    }

    private static void CheckEntries(IEnumerable<long> boxes)
    {
        if (boxes.Sum() > MaxEntries)
        {
            throw new SegmentationException(
                SegmentationError.InvalidRequest,
                $"Expected at most {MaxEntries:N0} pixels in the boxes of all masks, each of which CVAT wants as a "
                + "number, got more. "
                + "Send a smaller image, or a higher threshold.");
        }
    }

    // The outline of noise has too many points to draw: its box is the outline instead.
    private static GridPoint[] Corners(in LabelRegion box)
    {
        int right = box.Left + box.Width, bottom = box.Top + box.Height;
        return [new(box.Left, box.Top), new(right, box.Top), new(right, bottom), new(box.Left, bottom)];
    }

    private static byte[] Crop(ReadOnlySpan<byte> labels, ImageSize size, in LabelRegion region)
    {
        byte[] mask = new byte[region.Width * region.Height];
        for (int y = 0; y < region.Height; y++)
        {
            BinaryMask.Select(
                labels.Slice(((region.Top + y) * size.Width) + region.Left, region.Width), region.Label,
                mask.AsSpan(y * region.Width, region.Width));
        }

        return mask;
    }

    private void Write(
        Utf8JsonWriter json, string label, double score, in LabelRegion box, byte[] mask, GridPoint[] outline)
    {
        if (box.Pixels < options.MinPixels)
        {
            return;
        }

        json.WriteStartObject();
        json.WriteString("confidence"u8, score.ToString("0.######", CultureInfo.InvariantCulture));
        json.WriteString("label"u8, label);
        json.WriteString("type"u8, "mask"u8);
        json.WriteStartArray("points"u8);
        foreach (GridPoint point in outline)
        {
            json.WriteNumberValue(point.X);
            json.WriteNumberValue(point.Y);
        }

        json.WriteEndArray();
        json.WriteStartArray("mask"u8);
        foreach (byte pixel in mask)
        {
            json.WriteNumberValue(pixel == 0 ? 0 : 1);
        }

        // The first and the last pixel of the box.
        json.WriteNumberValue(box.Left);
        json.WriteNumberValue(box.Top);
        json.WriteNumberValue(box.Left + box.Width - 1);
        json.WriteNumberValue(box.Top + box.Height - 1);
        json.WriteEndArray();
        json.WriteEndObject();
    }
}

/// <summary>The pixels of one mask in CVAT.</summary>
public enum CvatMasks
{
    /// <summary>All pixels of a class.</summary>
    Class,

    /// <summary>Pixels of a class that are connected by their sides.</summary>
    Component,
}
