using InferenceServer.Auth;
using InferenceServer.Fetching;
using InferenceServer.Metrics;
using InferenceServer.Errors;
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
                "The body is the encoded image, or a form with one part, named `image`; options are parameters of the query. The mask has the upright photograph's size.");
        group.MapPost("/{model}/versions/{version:int}", SegmentWithVersionAsync).WithName("SegmentWithVersion")
            .WithSummary("Segments a photograph with one version of a model.").WithDescription("The version must serve: `GET /v1/models/{model}` lists those that do.");
        group.MapPost("/", SegmentWithDefaultAsync).WithName("SegmentWithDefault").WithSummary("Segments a photograph with the default model.");
        return group;
    }

    private static Task<Results<MaskResult, RefusedResult>> SegmentWithDefaultAsync([AsParameters] SegmentQuery query, HttpContext http, SegmentHandler road, ImageFetcher fetcher) =>
        AnswerAsync(null, null, query, http, road, fetcher);

    private static Task<Results<MaskResult, RefusedResult>> SegmentAsync(string model, [AsParameters] SegmentQuery query, HttpContext http, SegmentHandler road, ImageFetcher fetcher) =>
        AnswerAsync(model, null, query, http, road, fetcher);

    private static Task<Results<MaskResult, RefusedResult>> SegmentWithVersionAsync(
        string model, int version, [AsParameters] SegmentQuery query, HttpContext http, SegmentHandler road, ImageFetcher fetcher) =>
        AnswerAsync(model, version, query, http, road, fetcher);

    private static Task<Results<MaskResult, RefusedResult>> AnswerAsync(string? model, int? version, SegmentQuery query, HttpContext http, SegmentHandler road, ImageFetcher fetcher) => road.AnswerAsync(
        http, AdmissionRequestBinder.Parse(model, version, http.Request, query), query.Order(http.Request), (maxBytes, hold, ct) => fetcher.ReadAsync(http.Request, maxBytes, hold, ct));
}
