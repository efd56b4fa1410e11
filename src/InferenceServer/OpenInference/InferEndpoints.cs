using InferenceServer.Auth;
using InferenceServer.Errors;
using InferenceServer.Fetching;
using InferenceServer.Metrics;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Segment;
using Microsoft.AspNetCore.Http.HttpResults;

namespace InferenceServer.OpenInference;

/// <summary>Tensors in, tensors out; or an encoded image in, its mask out.</summary>
internal static class InferEndpoints
{
    public static void MapInfer(this RouteGroupBuilder models)
    {
        RouteGroupBuilder group = models.MapGroup("").Observed().RequireScope(Scope.Infer, budgeted: true).WithMetadata(BodyLimit.Instance);
        group.MapPost("/{model}/infer", InferAsync).WithName("Infer").WithSummary("Runs a model on a tensor, or with .image behind its name on an encoded image.")
            .WithDescription("JSON, or JSON with binary tensors behind it (`Inference-Header-Content-Length`). With 0 in that header, the body of a request to `{model}.image` is the image itself.");
        group.MapPost("/{model}/versions/{version:int}/infer", InferWithVersionAsync).WithName("InferWithVersion").WithSummary("The same, with one version of a model.");
    }

    private static Task<Results<InferResult, ProblemResult>> InferAsync(string model, HttpContext http, InferRoad road, ModelCatalog catalog) => AnswerAsync(catalog.View(model), null, http, road);

    private static Task<Results<InferResult, ProblemResult>> InferWithVersionAsync(string model, int version, HttpContext http, InferRoad road, ModelCatalog catalog) =>
        AnswerAsync(catalog.View(model), version, http, road);

    private static async Task<Results<InferResult, ProblemResult>> AnswerAsync(ProtocolModel view, int? version, HttpContext http, InferRoad road)
    {
        int? jsonLength = InferBody.JsonLength(http.Request);
        RequestObservation observation = http.Observation();
        observation.AskedFor(view.Model);
        // Before the body is read: a full server spends nothing on it. Its limit is not that of images.
        AdmissionRequest arrival = AdmissionRequestBinder.Bind(view.Model, version, http.Request, SegmentSettingsBinder.BindHeaders(http.Request)) with { Bytes = 0 };
        if (!road.Segmenter.TryAdmit(arrival, out AdmittedRequest? admitted, out SegmentationException? refusal))
        {
            return new ProblemResult(refusal);
        }

        try
        {
            StageTimings timings = observation.Admitted(admitted.Model);
            using PooledBufferWriter body = await admitted.ReadAsync(timings, () => InferBody.ReadAsync(http.Request, road.MaxBytes, admitted.HoldBytes, admitted.Cancellation));
            InferAnswer answer = await road.AnswerAsync(
                admitted,
                view,
                () => InferRequestReader.Read(body.Written, jsonLength, admitted.Cancellation),
                (request, output) => Compression.Compress(http, InferJson.Write(view.Name, admitted.Model, request, output, admitted.Cancellation), admitted.Cancellation),
                timings);
            return new InferResult(admitted, answer, timings);
        }
        catch
        {
            admitted.Dispose();
            throw;
        }
    }
}
