using System.Buffers;
using System.Globalization;
using System.Text.Json;
using InferenceServer.Kernels;
using InferenceServer.Kernels.Labeling;
using InferenceServer.Kernels.Outlines;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Encoding;
using InferenceServer.Segment;

namespace InferenceServer.Dialects.Cvat;

/// <summary>One call of a function and its answer: an image in base64 in, masks cut to their boxes out.</summary>
internal sealed class CvatExchange(HttpRequest request, CvatOptions options) : IMaskEncoder
{
    private const int MaxPoints = 1_000_000; // more than a browser draws
    private double _threshold;

    public string ContentType => "application/json";

    /// <inheritdoc cref="ImageReader"/>
    public Task<PooledBufferWriter> ReadAsync(long maxBytes, Action<long> hold, CancellationToken cancellationToken) => JsonBody.ReadAsync(
        request, maxBytes, hold,
        body =>
        {
            _threshold = JsonBody.Number(body, "threshold") ?? 0;
            return JsonBody.Image(body, "image");
        },
        cancellationToken);

    public void Encode(SegmentationResult result, EncodingParameters parameters, IBufferWriter<byte> output)
    {
        ReadOnlySpan<byte> labels = result.Labels.Labels.Span;
        ImageSize size = result.Labels.Size;
        ReadOnlySpan<byte> confidence = result.Labels.Confidence.Span;
        double[] confidences = ClassConfidence.Compute(labels, confidence);
        bool isSure = confidence.IsEmpty; // a graph that ends in labels has no doubts to tell
        using Utf8JsonWriter json = new(output);
        json.WriteStartArray();
        ILookup<byte, LabelPolygon> parts = (LabelOutlines.Compute(labels, size, tolerance: 0, MaxPoints)
            ?? throw new SegmentationException(SegmentationError.InvalidRequest, $"The mask's outlines have more than {MaxPoints:N0} points, more than CVAT can show.")).ToLookup(p => p.Label);
        foreach (ClassSummary of in MaskSummary.Of(result).Classes)
        {
            double score = isSure ? 1 : confidences[of.Index];
            // What is no class of the model has no label in CVAT, which would throw it away.
            if (score < _threshold || of.Index >= result.Classes.Names.Count)
            {
                continue;
            }

            if (options.Masks == CvatMasks.Class)
            {
                LabelRegion region = new((byte)of.Index, of.Pixels, of.Box.X, of.Box.Y, of.Box.Width, of.Box.Height);
                Write(json, of.Name, score, region, Crop(labels, size, region), parts[region.Label].MaxBy(p => PolygonFill.Box(p).Pixels)!);
                continue;
            }

            foreach (LabelPolygon part in parts[(byte)of.Index])
            {
                LabelRegion box = PolygonFill.Box(part);
                byte[] mask = PolygonFill.Fill(part, box);
                Write(json, of.Name, score, box with { Pixels = mask.LongCount(m => m != 0) }, mask, part);
            }
        }

        json.WriteEndArray();
    }

    private static byte[] Crop(ReadOnlySpan<byte> labels, ImageSize size, in LabelRegion region)
    {
        byte[] mask = new byte[region.Width * region.Height];
        for (int y = 0; y < region.Height; y++)
        {
            BinaryMask.Select(labels.Slice(((region.Top + y) * size.Width) + region.Left, region.Width), region.Label, mask.AsSpan(y * region.Width, region.Width));
        }

        return mask;
    }

    private void Write(Utf8JsonWriter json, string label, double score, in LabelRegion box, byte[] mask, LabelPolygon outline)
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
        foreach (GridPoint point in outline.Rings[0])
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

        // The box's corners, both within.
        json.WriteNumberValue(box.Left);
        json.WriteNumberValue(box.Top);
        json.WriteNumberValue(box.Left + box.Width - 1);
        json.WriteNumberValue(box.Top + box.Height - 1);
        json.WriteEndArray();
        json.WriteEndObject();
    }
}
