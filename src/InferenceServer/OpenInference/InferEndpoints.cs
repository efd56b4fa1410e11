using InferenceServer.Auth;
using InferenceServer.Errors;
using InferenceServer.Hosting;
using InferenceServer.Fetching;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Segment;
using InferenceServer.Telemetry;
using Microsoft.AspNetCore.Http.HttpResults;

namespace InferenceServer.OpenInference;

/// <summary>Endpoints for inference: from a tensor to a tensor, or from an encoded image to its mask.</summary>
internal static class InferEndpoints
{
    public static void MapInfer(this RouteGroupBuilder models)
    {
        RouteGroupBuilder group = models.MapGroup("").Observed().RequireScope(Scope.Infer, budgeted: true)
            .WithMetadata(BodyLimit.Instance);
        group.MapPost("/{model}/infer", InferAsync)
            .WithName("Infer")
            .WithSummary("Runs a model on a tensor, or, with .image after its name, on an encoded image.")
            .WithDescription(
                "The body is JSON, or JSON followed by binary tensors (`Inference-Header-Content-Length`). "
                + "With 0 in that header, the body of a request to `{model}.image` is the image itself.");
        group.MapPost("/{model}/versions/{version:int}/infer", InferWithVersionAsync)
            .WithName("InferWithVersion")
            .WithSummary("Runs one version of a model on a tensor or an encoded image.");
    }

    private static Task<Results<InferResult, ProblemResult>> InferAsync(
        string model, HttpContext http, Segmenter segmenter, InferHandler handler, ModelCatalog catalog) =>
        AnswerAsync(catalog.View(model), null, http, segmenter, handler);

    private static Task<Results<InferResult, ProblemResult>> InferWithVersionAsync(
        string model,
        int version,
        HttpContext http,
        Segmenter segmenter,
        InferHandler handler,
        ModelCatalog catalog) =>
        AnswerAsync(catalog.View(model), version, http, segmenter, handler);

    private static async Task<Results<InferResult, ProblemResult>> AnswerAsync(
        ProtocolModel view, int? version, HttpContext http, Segmenter segmenter, InferHandler handler)
    {
        int? jsonLength = InferBody.JsonLength(http.Request);
        http.Observation().AskedFor(view.Model);
        // The limit on an image's bytes does not apply to tensors, whose bytes are counted as they arrive.
        AdmissionRequest admission = AdmissionRequestBinder.Bind(
            view.Model, version, http.Request, SegmentSettingsBinder.BindHeaders(http.Request)) with
        { Bytes = 0 };
        if (!segmenter.TryAdmit(admission, out AdmittedRequest? admitted, out SegmentationException? refusal))
        {
            return new ProblemResult(refusal);
        }

        using Owned<InferResult> result = new(new InferResult(admitted));
        http.Observation().Admitted(admitted.Model);
        using PooledBufferWriter body = await admitted.ReadAsync(
            () => InferBody.ReadAsync(http.Request, handler.MaxBytes, admitted.HoldBytes, admitted.Cancellation));
        using InferRequest request = await segmenter.ComputeAsync(
            admitted, Stage.Decode, () => InferRequestReader.Read(body.Written, jsonLength, admitted.Cancellation));
        OutputTensor output = result.Value.Output = await handler.RunAsync(admitted, view, request);
        result.Value.Answer = await segmenter.ComputeAsync(admitted, Stage.Encode, () =>
        {
            InferAnswer answer = InferJson.Write(view.Name, admitted.Model, request, output, admitted.Cancellation);
            if (Compression.Choose(http, answer.MediaType) is not { } compression)
            {
                return answer;
            }

            using InferAnswer replaced = answer;
            return new InferAnswer(compression.Compress(answer.Parts, admitted.Cancellation), null)
            {
                JsonLength = answer.JsonLength,
                Encoding = compression.EncodingName,
            };
        });
        return result.Release();
    }
}
