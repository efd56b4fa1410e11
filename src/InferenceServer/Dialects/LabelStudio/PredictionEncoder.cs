using System.Buffers;
using System.Security.Cryptography;
using System.Text.Json;
using InferenceServer.Kernels;
using InferenceServer.Kernels.Outlines;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Formats;
using InferenceServer.Runtime.Models;

namespace InferenceServer.Dialects.LabelStudio;

/// <summary>Writes a mask as a prediction of Label Studio: a brush stroke for each class, or a polygon for each
/// part.</summary>
internal sealed class PredictionEncoder(LabelControl control, double tolerance) : IMaskEncoder
{
    private const int IdBytes = 5;

    /// <summary>The answer's format.</summary>
    public MaskFormat Format =>
        new("label-studio", "application/json", ".json", this, "Label Studio's predictions") { UsesConfidence = true, UsesPlanes = true };

    // The bytes of brush strokes as numbers of up to four characters; polygons are fewer.
    public EncodingBytes Bytes(in MaskExtent mask, FormatSettings options) => new(mask.Pixels, mask.Pixels);

    public void Encode(MaskContent content, FormatSettings settings, IBufferWriter<byte> output)
    {
        IReadOnlyDictionary<int, double> confidences = content.Confidences();
        ClassSummary[] wanted = [.. MaskSummary.Of(content).Classes.Where(c => control.Labels.ContainsKey(c.Name.ToLowerInvariant()))];
        using Utf8JsonWriter json = new(output);
        json.WriteStartObject();
        json.WriteString("model_version"u8, $"{content.Model}:{content.Version}");
        json.WriteNumber("score"u8, Score(wanted, confidences));
        json.WriteStartArray("result"u8);
        ILookup<int, LabelPolygon>? parts = control.IsBrush ? null : Outlines(content);
        foreach (ClassSummary of in wanted)
        {
            string label = control.Labels[of.Name.ToLowerInvariant()];
            if (parts is null)
            {
                StartItem(json, content.Size, "brushlabels", label, confidences.GetValueOrDefault(of.Index));
                json.WriteString("format"u8, "rle"u8);
                json.WriteStartArray("rle"u8);
                foreach (byte value in BrushRle.Encode(of.Plane.Values.Span, of.Value))
                {
                    json.WriteNumberValue(value);
                }

                EndItem(json);
                continue;
            }

            foreach (LabelPolygon part in parts[of.Index])
            {
                StartItem(json, content.Size, "polygonlabels", label, confidences.GetValueOrDefault(of.Index));
                json.WriteBoolean("closed"u8, true);
                json.WriteStartArray("points"u8);
                foreach (GridPoint point in part.Rings[0])
                {
                    json.WriteStartArray();
                    json.WriteNumberValue(100.0 * point.X / content.Size.Width);
                    json.WriteNumberValue(100.0 * point.Y / content.Size.Height);
                    json.WriteEndArray();
                }

                EndItem(json);
            }
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary>Writes a task's error instead of a prediction. Label Studio shows the task without a
    /// prediction.</summary>
    public static void WriteNone(LoadedModel model, SegmentationException failure, IBufferWriter<byte> output)
    {
        using Utf8JsonWriter json = new(output);
        json.WriteStartObject();
        json.WriteString("model_version"u8, $"{model.Name}:{model.Version}");
        json.WriteNumber("score"u8, 0);
        json.WriteStartArray("result"u8);
        json.WriteEndArray();
        json.WriteString("error"u8, failure.Message);
        json.WriteEndObject();
    }

    private ILookup<int, LabelPolygon> Outlines(MaskContent content) =>
        content.Outlines(tolerance) ?? throw OutlineLimit.TooMany("Use BrushLabels instead of PolygonLabels");

    // Weighted by pixels, so that a small class counts for little.
    private static double Score(ClassSummary[] wanted, IReadOnlyDictionary<int, double> confidences)
    {
        if (wanted.Length == 0)
        {
            return 0;
        }

        return Math.Round(
            wanted.Sum(c => confidences.GetValueOrDefault(c.Index) * c.Pixels) / wanted.Sum(c => c.Pixels), 6);
    }

    private void StartItem(Utf8JsonWriter json, ImageSize size, string type, string label, double score)
    {
        json.WriteStartObject();
        json.WriteString("id"u8, Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(IdBytes)));
        json.WriteString("from_name"u8, control.Name);
        json.WriteString("to_name"u8, control.ToName);
        json.WriteString("type"u8, type);
        json.WriteNumber("original_width"u8, size.Width);
        json.WriteNumber("original_height"u8, size.Height);
        json.WriteNumber("image_rotation"u8, 0);
        json.WriteNumber("score"u8, Math.Round(score, 6));
        json.WriteStartObject("value"u8);
        json.WriteStartArray(type);
        json.WriteStringValue(label);
        json.WriteEndArray();
    }

    private static void EndItem(Utf8JsonWriter json)
    {
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndObject();
    }
}
