using InferenceServer.Metrics;
using InferenceServer.Problems;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Encoding;
using InferenceServer.Runtime.Inference;
using InferenceServer.Runtime.Refinement;
using InferenceServer.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace InferenceServer.Segment;

/// <summary>Image in, mask out.</summary>
internal static class SegmentEndpoints
{
    public static RouteGroupBuilder MapSegment(this IEndpointRouteBuilder routes)
    {
        RouteGroupBuilder group = routes.MapGroup("/v1/segment").WithTags("Segment").Observed().RequireScope(Scope.Infer, budgeted: true);
        group.MapPost("/{model}", SegmentAsync).WithName("Segment")
            .WithSummary("Segments a photograph.").WithDescription(
                "The body is the encoded image, or a form with a part named `image`. The mask has the upright photograph's size.");
        group.MapPost("/{model}/versions/{version:int}", SegmentWithVersionAsync).WithName("SegmentWithVersion")
            .WithSummary("Segments a photograph with one version of a model.").WithDescription("The version must serve: `GET /v1/models/{model}` lists those that do.");
        group.MapPost("/", SegmentWithDefaultAsync).WithName("SegmentWithDefault").WithSummary("Segments a photograph with the default model.");
        return group;
    }

    private static Task<Results<MaskResult, RefusedResult>> SegmentWithDefaultAsync([AsParameters] SegmentQuery query, HttpContext http, Segmenter segmenter, ImageDecoder decoder) =>
        AnswerAsync(null, null, query, http, segmenter, decoder.Limits.MaxBytes);

    private static Task<Results<MaskResult, RefusedResult>> SegmentAsync(string model, [AsParameters] SegmentQuery query, HttpContext http, Segmenter segmenter, ImageDecoder decoder) =>
        AnswerAsync(model, null, query, http, segmenter, decoder.Limits.MaxBytes);

    private static Task<Results<MaskResult, RefusedResult>> SegmentWithVersionAsync(
        string model, int version, [AsParameters] SegmentQuery query, HttpContext http, Segmenter segmenter, ImageDecoder decoder) =>
        AnswerAsync(model, version, query, http, segmenter, decoder.Limits.MaxBytes);

    private static async Task<Results<MaskResult, RefusedResult>> AnswerAsync(string? model, int? version, SegmentQuery query, HttpContext http, Segmenter segmenter, long maxBytes)
    {
        EncodingParameters parameters = MaskNegotiation.Parse(http.Request, query);
        InferenceOverrides inference = InferenceQuery.Parse(query);
        (bool? refine, CrfOverrides crf) = RefinementQuery.Parse(query);
        // Before the body is read: a full server spends nothing on it.
        if (!segmenter.TryAdmit(ArrivalQuery.Parse(model, version, http.Request, query), out AdmittedRequest? admitted, out SegmentationException? refusal))
        {
            return new RefusedResult(refusal);
        }

        PooledBufferWriter mask = new();
        try
        {
            StageTimings timings = http.Observation().Admitted(admitted.Model);
            using PooledBufferWriter image = await ReadAsync(http.Request, maxBytes, timings, admitted);
            SegmentationRequest request = new()
            {
                Image = image.Written,
                WithConfidence = parameters.NeedsConfidence,
                WithProbabilities = parameters.NeedsProbabilities,
                Inference = inference,
                Refine = refine,
                Crf = crf,
                Timings = timings,
            };
            using SegmentationResult result = await segmenter.SegmentAsync(admitted, request);
            string contentType = await segmenter.EncodeAsync(admitted, result, parameters, mask);
            return new MaskResult(admitted, result, contentType, mask);
        }
        catch
        {
            mask.Dispose();
            admitted.Dispose();
            throw;
        }
    }

    private static async Task<PooledBufferWriter> ReadAsync(HttpRequest request, long maxBytes, StageTimings timings, AdmittedRequest admitted)
    {
        using StageTimings.Scope reading = timings.Measure(Stage.Read);
        try
        {
            return await ImageBody.ReadAsync(request, maxBytes, admitted.HoldBytes, admitted.Cancellation);
        }
        catch (OperationCanceledException) when (admitted.IsLate)
        {
            throw admitted.Late(Stage.Read);
        }
    }
}
