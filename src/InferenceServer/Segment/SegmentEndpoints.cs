using InferenceServer.Metrics;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Encoding;
using InferenceServer.Runtime.Refinement;

namespace InferenceServer.Segment;

/// <summary>Image in, mask out.</summary>
internal static class SegmentEndpoints
{
    public static RouteGroupBuilder MapSegment(this IEndpointRouteBuilder routes)
    {
        RouteGroupBuilder group = routes.MapGroup("/v1/segment").WithTags("Segment").Observed();
        group.MapPost("/{model}", SegmentAsync).WithName("Segment")
            .WithSummary("Segments a photograph.").WithDescription(
                "The body is the encoded image, or a form with a part named `image`. The mask has the upright photograph's size.");
        group.MapPost("/{model}/versions/{version:int}", SegmentWithVersionAsync).WithName("SegmentWithVersion")
            .WithSummary("Segments a photograph with one version of a model.").WithDescription("The version must serve: `GET /v1/models/{model}` lists those that do.");
        group.MapPost("/", SegmentWithDefaultAsync).WithName("SegmentWithDefault").WithSummary("Segments a photograph with the default model.");
        return group;
    }

    private static Task<MaskResult> SegmentWithDefaultAsync([AsParameters] SegmentQuery query, HttpContext http, Segmenter segmenter, ImageDecoder decoder) =>
        RunAsync(null, null, query, http, segmenter, decoder.Limits.MaxBytes);

    private static Task<MaskResult> SegmentAsync(string model, [AsParameters] SegmentQuery query, HttpContext http, Segmenter segmenter, ImageDecoder decoder) =>
        RunAsync(model, null, query, http, segmenter, decoder.Limits.MaxBytes);

    private static Task<MaskResult> SegmentWithVersionAsync(
        string model, int version, [AsParameters] SegmentQuery query, HttpContext http, Segmenter segmenter, ImageDecoder decoder) =>
        RunAsync(model, version, query, http, segmenter, decoder.Limits.MaxBytes);

    private static async Task<MaskResult> RunAsync(string? model, int? version, SegmentQuery query, HttpContext http, Segmenter segmenter, long maxBytes)
    {
        EncodingParameters parameters = MaskNegotiation.Parse(http.Request, query);
        (bool? refine, CrfOverrides crf) = RefinementQuery.Parse(query);
        AdmittedRequest admitted = segmenter.Admit(model, version); // before the body is read: a full server spends nothing on it
        PooledBufferWriter mask = new();
        try
        {
            StageTimings timings = http.Observation().Admitted(admitted.Model);
            using PooledBufferWriter image = await ReadAsync(http.Request, maxBytes, timings, http.RequestAborted);
            SegmentationRequest request = new()
            {
                Image = image.Written,
                WithConfidence = parameters.Format == MaskFormat.Confidence,
                Refine = refine,
                Crf = crf,
                Timings = timings,
            };
            using SegmentationResult result = await segmenter.SegmentAsync(admitted, request, http.RequestAborted);
            http.RequestAborted.ThrowIfCancellationRequested();
            return new MaskResult(admitted, result, segmenter.Encode(result, parameters, mask), mask);
        }
        catch
        {
            mask.Dispose();
            admitted.Dispose();
            throw;
        }
    }

    private static async Task<PooledBufferWriter> ReadAsync(HttpRequest request, long maxBytes, StageTimings timings, CancellationToken cancellationToken)
    {
        using (timings.Measure(Stage.Read))
        {
            return await ImageBody.ReadAsync(request, maxBytes, cancellationToken);
        }
    }
}
