using System.Diagnostics;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Encoding;
using Microsoft.Extensions.Options;

namespace InferenceServer.Segment;

/// <summary>Image in, mask out.</summary>
internal static class SegmentEndpoints
{
    public static RouteGroupBuilder MapSegment(this IEndpointRouteBuilder routes)
    {
        RouteGroupBuilder group = routes.MapGroup("/v1/segment").WithTags("Segment");
        group.MapPost("/{model}", SegmentAsync).WithName("Segment")
            .WithSummary("Segments a photograph.").WithDescription(
                "The body is the encoded image, or a form with a part named `image`. The mask has the upright photograph's size.");
        group.MapPost("/", SegmentWithDefaultAsync).WithName("SegmentWithDefault").WithSummary("Segments a photograph with the default model.");
        return group;
    }

    private static Task SegmentWithDefaultAsync(
        [AsParameters] SegmentQuery query, HttpContext http, Segmenter segmenter, IOptions<DecodingOptions> limits) =>
        RunAsync(null, query, http, segmenter, limits.Value.MaxBytes);

    private static Task SegmentAsync(
        string model, [AsParameters] SegmentQuery query, HttpContext http, Segmenter segmenter, IOptions<DecodingOptions> limits) =>
        RunAsync(model, query, http, segmenter, limits.Value.MaxBytes);

    private static async Task RunAsync(string? model, SegmentQuery query, HttpContext http, Segmenter segmenter, long maxBytes)
    {
        EncodingParameters parameters = MaskNegotiation.Parse(http.Request, query);
        StageTimings timings = new();
        using PooledBufferWriter image = await ReadAsync(http.Request, maxBytes, timings, http.RequestAborted);
        SegmentationRequest request = new()
        {
            Image = image.Written,
            Model = model,
            WithConfidence = parameters.Format == MaskFormat.Confidence,
            Timings = timings,
        };
        using SegmentationResult result = await segmenter.SegmentAsync(request, http.RequestAborted);
        using PooledBufferWriter mask = new();
        string contentType = segmenter.Encode(result, parameters, mask);
        await MaskResult.WriteAsync(http.Response, result, contentType, mask, http.RequestAborted);
    }

    private static async Task<PooledBufferWriter> ReadAsync(HttpRequest request, long maxBytes, StageTimings timings, CancellationToken cancellationToken)
    {
        long start = Stopwatch.GetTimestamp();
        PooledBufferWriter image = await ImageBody.ReadAsync(request, maxBytes, cancellationToken);
        timings.Add(Stage.Read, Stopwatch.GetElapsedTime(start));
        return image;
    }
}
