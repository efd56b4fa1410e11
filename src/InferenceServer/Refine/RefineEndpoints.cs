using InferenceServer.Auth;
using InferenceServer.Errors;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Passes;
using InferenceServer.Segment;
using InferenceServer.Telemetry;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;

namespace InferenceServer.Refine;

/// <summary>The endpoint that refines what another tool made: the CRF without a network.</summary>
internal static class RefineEndpoints
{
    /// <summary>The route.</summary>
    public const string Route = "/v1/refine";

    public static void MapRefine(this IEndpointRouteBuilder routes) => routes.MapPost(Route, RefineAsync)
        .WithTags("Segment").WithName("Refine")
        .Observed(needsNoModel: true).RequireScope(Scope.Infer, budgeted: true)
        .WithSummary("Refines the probabilities or labels of another tool along the edges of their image.").WithDescription(
            "The body is a form of `image` and `probabilities` (`.npy`) or `label_map` (PNG), and `kernels` (JSON) where the usual "
            + "two do not do. Parameters are in the query. The answer is a mask as of `/v1/segment`; `format=npy-probabilities` "
            + "has the refined probabilities.")
        .Accepts<IFormFileCollection>("multipart/form-data");

    private static Task<Results<MaskResult, ProblemResult>> RefineAsync(
        HttpContext http, SegmentHandler handler, RefineFormReader reader, IOptions<PassOptions> passes)
    {
        SegmentSettings settings = SegmentSettingsBinder.BindRefinement(http.Request);
        AdmissionRequest admission = AdmissionRequestBinder.Bind(model: null, version: null, http.Request, settings) with
        {
            NeedsNoModel = true,
            Bytes = 0, // most of the form are scores, which have a limit of their own
        };
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
        {
            limit.MaxRequestBodySize += passes.Value.MaxBytes;
        }

        return handler.AnswerAsync(http, admission, settings, admitted => reader.ReadAsync(http.Request, admitted, settings));
    }
}
