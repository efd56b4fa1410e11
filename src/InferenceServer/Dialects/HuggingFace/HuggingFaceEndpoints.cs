using InferenceServer.Auth;
using InferenceServer.Errors;
using InferenceServer.Runtime;
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
