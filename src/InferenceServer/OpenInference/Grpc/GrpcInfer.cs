using System.Globalization;
using InferenceServer.Errors;
using InferenceServer.Metrics;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Segment;

namespace InferenceServer.OpenInference.Grpc;

/// <summary>The method ModelInfer: the road of a request to infer, with its messages round it.</summary>
internal static class GrpcInfer
{
    public static async Task HandleAsync(HttpContext http)
    {
        InferRoad road = http.RequestServices.GetRequiredService<InferRoad>();
        RequestObservation observation = http.Observation();
        TimeSpan? timeout = GrpcTimeout.Read(http.Request);
        // The call has its deadline from its headers on, though only its message says for which model it is.
        using GrpcPart part = await SmallBody.ReadAsync(http, timeout, end => GrpcMessage.BeginAsync(http, road.MaxBytes, InferMessages.Head, end));
        (string name, string version) = InferMessages.Peek(part.Bytes.Written);
        ProtocolModel view = http.RequestServices.GetRequiredService<ModelCatalog>().View(name);
        observation.AskedFor(view.Model);
        // Before the tensors are read: a full server spends nothing on them.
        if (!road.Segmenter.TryAdmit(AdmissionRequest(http, view, Version(version), timeout), out AdmittedRequest? admitted, out SegmentationException? refusal))
        {
            await Problem.WriteAsync(http, refusal);
            return;
        }

        using (admitted)
        {
            StageTimings timings = observation.Admitted(admitted.Model);
            using InferAnswer answer = await AnswerAsync(http, road, view, part, admitted, timings);
            part.Dispose(); // a client may take its answer slowly
            using (timings.Measure(Stage.Write))
            {
                await GrpcMessage.SendAsync(http, answer.Parts);
            }

            observation.Sent(answer.Length);
        }
    }

    /// <summary>The number of a version; null for none, which is the newest.</summary>
    /// <exception cref="SegmentationException">It is no number.</exception>
    public static int? Version(string version) => version.Length == 0 ? null
        : int.TryParse(version, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number
        : throw new SegmentationException(SegmentationError.UnknownModel, $"Versions are numbers; there is none '{version}'.");

    private static AdmissionRequest AdmissionRequest(HttpContext http, ProtocolModel view, int? version, TimeSpan? timeout)
    {
        AdmissionRequest arrival = AdmissionRequestBinder.Bind(view.Model, version, http.Request, SegmentSettingsBinder.BindHeaders(http.Request)) with { Bytes = 0 };
        return arrival.Timeout < timeout ? arrival : arrival with { Timeout = timeout ?? arrival.Timeout };
    }

    private static async Task<InferAnswer> AnswerAsync(HttpContext http, InferRoad road, ProtocolModel view, GrpcPart part, AdmittedRequest admitted, StageTimings timings)
    {
        admitted.HoldBytes(part.Length);
        ReadOnlyMemory<byte> message = await admitted.ReadAsync(timings, async () =>
        {
            await GrpcMessage.EndAsync(http, part, admitted.Cancellation);
            return part.Bytes.Written;
        });
        return await road.AnswerAsync(
            admitted, view, () => InferMessageReader.Read(message), (request, output) => InferMessages.Answer(view.Name, admitted.Model, request, output), timings);
    }
}
