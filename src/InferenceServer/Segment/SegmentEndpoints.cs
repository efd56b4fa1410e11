using InferenceServer.Auth;
using InferenceServer.Errors;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Admission;
using InferenceServer.Telemetry;
using Microsoft.AspNetCore.Http.HttpResults;

namespace InferenceServer.Segment;

/// <summary>Endpoints that segment one image.</summary>
internal static class SegmentEndpoints
{
    public static RouteGroupBuilder MapSegment(this IEndpointRouteBuilder routes)
    {
        RouteGroupBuilder group = routes.MapGroup("/v1/segment").WithTags("Segment").Observed()
            .RequireScope(Scope.Infer, budgeted: true);
        group.MapPost("/{model}", SegmentAsync).WithName("Segment")
            .WithSummary("Segments an image.").WithDescription(
                "The body is the encoded image, or a form with a part `image` and, for `format=cutout`, a part `background`. "
                + "Parameters are in the query. "
                + "The mask has the size of the upright image.");
        group.MapPost("/{model}/versions/{version:int}", SegmentWithVersionAsync).WithName("SegmentWithVersion")
            .WithSummary("Segments an image with one version of a model.")
            .WithDescription("The version must serve: `GET /v1/models/{model}` lists those that do.");
        group.MapPost("/", SegmentWithDefaultAsync).WithName("SegmentWithDefault")
            .WithSummary("Segments an image with the default model.");
        return group;
    }

    private static Task<Results<MaskResult, ProblemResult>> SegmentWithDefaultAsync(
        string? model, HttpContext http, SegmentHandler handler, RequestImageReader reader) =>
        AnswerAsync(model, null, http, handler, reader);

    private static Task<Results<MaskResult, ProblemResult>> SegmentAsync(
        string model, HttpContext http, SegmentHandler handler, RequestImageReader reader) =>
        AnswerAsync(model, null, http, handler, reader);

    private static Task<Results<MaskResult, ProblemResult>> SegmentWithVersionAsync(
        string model, int version, HttpContext http, SegmentHandler handler, RequestImageReader reader) =>
        AnswerAsync(model, version, http, handler, reader);

    private static Task<Results<MaskResult, ProblemResult>> AnswerAsync(
        string? model, int? version, HttpContext http, SegmentHandler handler, RequestImageReader reader)
    {
        bool isDefaultRoute = http.Request.RouteValues["model"] is null; // only there the query may name the model
        SegmentSettings settings = isDefaultRoute
            ? SegmentSettingsBinder.Bind(http.Request, "model")
            : SegmentSettingsBinder.Bind(http.Request);
        AdmissionRequest admission = AdmissionRequestBinder.Bind(model, version, http.Request, settings);
        return handler.AnswerAsync(
            http, admission, settings, (maxBytes, hold, ct) => reader.ReadAsync(http.Request, maxBytes, hold, ct));
    }
}
