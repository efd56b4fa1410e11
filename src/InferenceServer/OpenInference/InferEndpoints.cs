using InferenceServer.Metrics;
using InferenceServer.Problems;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Models;
using InferenceServer.Security;
using InferenceServer.Segment;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;

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

    private static Task<Results<InferResult, RefusedResult>> InferAsync(string model, HttpContext http, InferService service) => AnswerAsync(model, null, http, service);

    private static Task<Results<InferResult, RefusedResult>> InferWithVersionAsync(string model, int version, HttpContext http, InferService service) =>
        AnswerAsync(model, version, http, service);

    private static async Task<Results<InferResult, RefusedResult>> AnswerAsync(string name, int? version, HttpContext http, InferService service)
    {
        int? jsonLength = InferBody.JsonLength(http.Request);
        ModelView view = service.View(name);
        RequestObservation observation = http.Observation();
        observation.AskedFor(view.Model);
        // Before the body is read: a full server spends nothing on it. How many bytes it has is known only once it is decompressed.
        Arrival arrival = ArrivalQuery.Parse(view.Model, version, http.Request, default) with { Bytes = 0 };
        if (!service.Segmenter.TryAdmit(arrival, out AdmittedRequest? admitted, out SegmentationException? refusal))
        {
            return new RefusedResult(refusal);
        }

        PooledBufferWriter json = new();
        try
        {
            StageTimings timings = observation.Admitted(admitted.Model);
            using PooledBufferWriter body = await InferBody.ReadAsync(http.Request, service.MaxBytes, admitted, timings);
            using InferRequest request = InferRequestReader.Read(body.Written, jsonLength);
            OutputTensor output = await service.Runner.RunAsync(admitted, view, request, timings);
            try
            {
                using (timings.Measure(Stage.Encode))
                {
                    InferAnswer.Write(view.Name, admitted.Model, request, output, json);
                }

                return new InferResult(admitted, json, output, request.IsBinary(output.Name), timings);
            }
            catch
            {
                output.Dispose();
                throw;
            }
        }
        catch
        {
            json.Dispose();
            admitted.Dispose();
            throw;
        }
    }
}
