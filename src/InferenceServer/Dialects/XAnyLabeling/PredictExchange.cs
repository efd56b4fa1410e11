using System.Buffers;
using System.Text.Json;
using InferenceServer.Kernels.Outlines;
using InferenceServer.OpenInference;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Formats;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Segment;

namespace InferenceServer.Dialects.XAnyLabeling;

/// <summary>One prediction: reads the image and the parameters, writes a polygon for each connected part.</summary>
/// <param name="request">The request.</param>
/// <param name="head">The start of its body, which was read to find the model.</param>
internal sealed class PredictExchange(HttpRequest request, ReadOnlyMemory<byte> head) : IMaskEncoder
{
    private static readonly string[] Prompts = ["text_prompt", "marks"];
    private double _threshold;
    private double _epsilon;
    private IReadOnlyList<string> _classes = [];

    /// <summary>The answer's format.</summary>
    public MaskFormat Format => new("x-anylabeling", "application/json", ".json", this, "X-AnyLabeling's shapes")
    {
        UsesConfidence = true,
        UsesPlanes = true,
    };

    /// <summary>Reads the start of the body until the model's name is there.</summary>
    /// <param name="request">The request.</param>
    /// <param name="head">Receives what is read.</param>
    /// <param name="cancellationToken">Cancels reading.</param>
    /// <returns>The name.</returns>
    /// <exception cref="SegmentationException">The name does not stand at the start, or the body is not JSON.</exception>
    public static async Task<string> ReadModelAsync(
        HttpRequest request, PooledBufferWriter head, CancellationToken cancellationToken)
    {
        bool isWhole = false;
        while (!isWhole && head.Written.Length < SmallBody.MaxBytes)
        {
            int count = await request.Body.ReadAsync(
                head.GetMemory()[..(SmallBody.MaxBytes - head.Written.Length)], cancellationToken);
            head.Advance(count);
            isWhole = count == 0;
            if (JsonBody.Peek(head.Written.Span, isWhole, "model"u8) is { } model)
            {
                return model;
            }
        }

        throw JsonBody.Invalid($"expected a model's name as 'model' in the first {SmallBody.MaxBytes:N0} bytes, before the image.");
    }

    /// <inheritdoc cref="ImageReader"/>
    public Task<PooledBufferWriter> ReadAsync(long maxBytes, Action<long> hold, CancellationToken cancellationToken) =>
        JsonBody.ReadAsync(request, maxBytes, hold, Take, cancellationToken, head);

    public void Check(ClassTable classes, bool overlap, FormatSettings options)
    {
        if (_classes.FirstOrDefault(name => !classes.Names.Contains(name)) is { } unknown)
        {
            throw JsonBody.Invalid(
                $"filter_classes: expected classes of the model ({string.Join(", ", classes.Names)}), got '{unknown}'.");
        }
    }

    public EncodingBytes Bytes(in MaskExtent mask, FormatSettings options) => EncodingBytes.Few;

    public void Encode(MaskContent content, FormatSettings options, IBufferWriter<byte> output)
    {
        ILookup<int, LabelPolygon> parts = content.Outlines(_epsilon * Math.Max(content.Size.Width, content.Size.Height))
            ?? throw OutlineLimit.TooMany("Send a smaller image");
        ILookup<int, double> scores = content.PartConfidences();
        using Utf8JsonWriter json = new(output);
        json.WriteStartObject();
        json.WriteBoolean("success"u8, true);
        json.WriteStartObject("data"u8);
        json.WriteString("description"u8, ""u8);
        json.WriteStartArray("shapes"u8);
        // The void label is no class.
        foreach (int index in parts.Select(of => of.Key).Where(index => index < content.Classes.Names.Count).Order())
        {
            string label = content.Classes.NameOf(index);
            if (_classes.Count == 0 || _classes.Contains(label))
            {
                Write(json, label, parts[index], scores[index]);
            }
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndObject();
    }

    // A graph that returns labels has no scores.
    private void Write(Utf8JsonWriter json, string label, IEnumerable<LabelPolygon> parts, IEnumerable<double> scores)
    {
        using IEnumerator<double> score = scores.GetEnumerator();
        foreach (LabelPolygon part in parts)
        {
            bool hasScore = score.MoveNext();
            if (hasScore && score.Current < _threshold)
            {
                continue;
            }

            json.WriteStartObject();
            json.WriteString("label"u8, label);
            json.WriteString("shape_type"u8, "polygon"u8);
            if (hasScore)
            {
                json.WriteNumber("score"u8, Math.Round(score.Current, 6));
            }

            json.WriteStartArray("points"u8);
            foreach (GridPoint point in HoleCuts.OneRing(part))
            {
                json.WriteStartArray();
                json.WriteNumberValue(point.X);
                json.WriteNumberValue(point.Y);
                json.WriteEndArray();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }
    }

    private PooledBufferWriter Take(JsonMembers body)
    {
        if (body.Object("params") is { } parameters)
        {
            _threshold = Share(parameters, "conf_threshold");
            _epsilon = Share(parameters, "epsilon_factor");
            _classes = parameters.Texts("filter_classes") ?? [];
            if (Prompts.FirstOrDefault(parameters.HasContent) is { } prompt)
            {
                throw JsonBody.Invalid($"'{prompt}': expected none, since the server's models take no prompts. Leave it out.");
            }
        }

        return body.TakeImage("image");
    }

    private static double Share(JsonMembers parameters, string name)
    {
        double value = parameters.Number(name) ?? 0;
        if (value is >= 0 and <= 1)
        {
            return value;
        }

        throw JsonBody.Invalid($"{name}: expected a number from 0 to 1, got {value}.");
    }
}
