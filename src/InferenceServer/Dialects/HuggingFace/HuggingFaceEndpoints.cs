using System.Buffers;
using System.Text.Json;
using InferenceServer.Auth;
using InferenceServer.Errors;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Formats;
using InferenceServer.Segment;
using InferenceServer.Telemetry;
using Microsoft.AspNetCore.Http.HttpResults;

namespace InferenceServer.Dialects.HuggingFace;

/// <summary>Endpoints for the task <c>image-segmentation</c> of Hugging Face's inference clients.</summary>
internal static class HuggingFaceEndpoints
{
    public static void MapHuggingFace(this IEndpointRouteBuilder routes)
    {
        RouteGroupBuilder group = routes.MapGroup("/huggingface").WithTags("Hugging Face").Observed()
            .RequireScope(Scope.Infer, budgeted: true);
        group.MapPost("/{model}", SegmentAsync).WithName("HuggingFaceSegment")
            .WithSummary("Segments an image, as Hugging Face's task image-segmentation.")
            .WithDescription(
                "The body is the encoded image, or JSON: `{\"inputs\": base64, \"parameters\": {\"threshold\": 0.5}}`. "
                + "The answer has for each class that occurs its `label`, the mean confidence as `score`, and `mask`: "
                + "a black and white PNG in base64.")
            .Produces<IEnumerable<HuggingFaceSegment>>();
        group.MapPost("/", SegmentWithDefaultAsync).WithName("HuggingFaceSegmentWithDefault")
            .WithSummary("Segments an image with the default model, as Hugging Face's task image-segmentation.")
            .Produces<IEnumerable<HuggingFaceSegment>>();
    }

    private static Task<Results<MaskResult, ProblemResult>> SegmentAsync(string model, HttpContext http, SegmentHandler handler) =>
        AnswerAsync(model, http, handler);

    private static Task<Results<MaskResult, ProblemResult>> SegmentWithDefaultAsync(HttpContext http, SegmentHandler handler) =>
        AnswerAsync(null, http, handler);

    private static Task<Results<MaskResult, ProblemResult>> AnswerAsync(
        string? model, HttpContext http, SegmentHandler handler)
    {
        HuggingFaceExchange exchange = new(http.Request);
        SegmentSettings settings = SegmentSettingsBinder.BindHeaders(http.Request) with { Format = exchange.Format };
        return handler.AnswerAsync(
            http, AdmissionRequestBinder.Bind(model, null, http.Request, settings), settings, exchange.ReadAsync);
    }
}

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

    // Files in base64, and the file of one class beside them.
    public EncodingBytes Bytes(in MaskExtent mask, FormatSettings options)
    {
        EncodingBytes files = BinaryPng.Bytes(mask);
        return new EncodingBytes(files.Buffers + mask.Pixels, files.Answer * 4 / 3);
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

    private PooledBufferWriter Take(JsonMembers body)
    {
        if (body.Object("parameters") is { } parameters)
        {
            _threshold = parameters.Number("threshold") ?? 0;
            if (parameters.Text("subtask") is { } subtask and not "semantic")
            {
                throw new SegmentationException(
                    SegmentationError.InvalidRequest,
                    $"subtask: expected semantic, got '{subtask}'. Send semantic, or leave subtask out.");
            }
        }

        return body.TakeImage("inputs");
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
