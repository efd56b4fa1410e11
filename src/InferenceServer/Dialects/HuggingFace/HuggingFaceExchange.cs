using System.Buffers;
using System.Text.Json;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Formats;
using InferenceServer.Segment;

namespace InferenceServer.Dialects.HuggingFace;

/// <summary>One request: reads the image as bytes or JSON, writes a segment for each class.</summary>
internal sealed class HuggingFaceExchange(HttpRequest request) : IMaskEncoder
{
    private double _threshold;

    /// <summary>The answer's format.</summary>
    public MaskFormat Format =>
        new("huggingface", "application/json", ".json", this, "Hugging Face's segments") { UsesConfidence = true, UsesPlanes = true };

    /// <inheritdoc cref="ImageReader"/>
    public Task<PooledBufferWriter> ReadAsync(long maxBytes, Action<long> hold, CancellationToken cancellationToken)
    {
        if (JsonBody.IsJson(request))
        {
            return JsonBody.ReadAsync(request, maxBytes, hold, Take, cancellationToken);
        }

        return RequestImageReader.ReadBinaryAsync(request, maxBytes, hold, cancellationToken);
    }

    public void Encode(MaskContent content, FormatSettings settings, IBufferWriter<byte> output)
    {
        IReadOnlyDictionary<int, double> confidences = content.Confidences();
        using PooledBufferWriter png = new();
        using Utf8JsonWriter json = new(output);
        json.WriteStartArray();
        bool isSure = confidences.Count == 0; // a graph that returns labels has no confidence
        foreach (ClassSummary of in MaskSummary.Of(content).Classes.Where(c => isSure || confidences[c.Index] >= _threshold))
        {
            png.Clear();
            BinaryPng.Write(of.Plane.Values.Span, content.Size, of.Value, png);
            json.WriteStartObject();
            json.WriteString("label"u8, of.Name);
            if (!isSure)
            {
                json.WriteNumber("score"u8, Math.Round(confidences[of.Index], 6));
            }

            json.WriteBase64String("mask"u8, png.Written.Span);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private PooledBufferWriter Take(JsonElement body)
    {
        if (body.TryGetProperty("parameters", out JsonElement parameters) && parameters.ValueKind == JsonValueKind.Object)
        {
            _threshold = JsonBody.Number(parameters, "threshold") ?? 0;
            if (JsonBody.Text(parameters, "subtask") is { } subtask and not "semantic")
            {
                throw new SegmentationException(
                    SegmentationError.InvalidRequest,
                    $"subtask: expected semantic, got '{subtask}'. Send semantic, or leave subtask out.");
            }
        }

        return JsonBody.Image(body, "inputs");
    }
}

/// <summary>One class of an image.</summary>
public sealed record HuggingFaceSegment
{
    /// <summary>The class's name.</summary>
    public required string Label { get; init; }

    /// <summary>Mean confidence of the class's pixels, 0 to 1; absent where the model returns labels.</summary>
    public double? Score { get; init; }

    /// <summary>A black and white PNG in base64, of the image's size.</summary>
    public required string Mask { get; init; }
}
