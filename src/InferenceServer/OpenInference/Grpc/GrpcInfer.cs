using System.Globalization;
using InferenceServer.Metrics;
using InferenceServer.Problems;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Segment;

namespace InferenceServer.OpenInference.Grpc;

/// <summary>The method ModelInfer: the road of a request to infer, with its messages round it.</summary>
internal static class GrpcInfer
{
    public static async Task HandleAsync(HttpContext http)
    {
        InferService service = http.RequestServices.GetRequiredService<InferService>();
        RequestObservation observation = http.Observation();
        using GrpcPart part = await GrpcMessage.BeginAsync(http, service.MaxBytes, InferMessages.Head, http.RequestAborted);
        (string name, string version) = InferMessages.Peek(part.Bytes.Written);
        ModelView view = service.View(name);
        observation.AskedFor(view.Model);
        // Before the tensors are read: a full server spends nothing on them.
        if (!service.Segmenter.TryAdmit(Arrival(http, view, Version(version)), out AdmittedRequest? admitted, out SegmentationException? refusal))
        {
            await Problem.WriteAsync(http, refusal);
            return;
        }

        using (admitted)
        {
            StageTimings timings = observation.Admitted(admitted.Model);
            await ReadAsync(http, part, admitted, timings);
            using PooledBufferWriter frame = await AnswerAsync(service, view, part.Bytes.Written, admitted, timings);
            using (timings.Measure(Stage.Write))
            {
                await GrpcMessage.SendAsync(http, frame);
            }

            observation.Sent(frame.Written.Length);
        }
    }

    /// <summary>The number of a version; null for none, which is the newest.</summary>
    /// <exception cref="SegmentationException">It is no number.</exception>
    public static int? Version(string version) => version.Length == 0 ? null
        : int.TryParse(version, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number
        : throw new SegmentationException(SegmentationError.UnknownModel, $"Versions are numbers; there is none '{version}'.");

    private static Arrival Arrival(HttpContext http, ModelView view, int? version)
    {
        Arrival arrival = ArrivalQuery.Parse(view.Model, version, http.Request, default) with { Bytes = 0 };
        TimeSpan? timeout = GrpcTimeout.Read(http.Request);
        return arrival.Timeout < timeout ? arrival : arrival with { Timeout = timeout ?? arrival.Timeout };
    }

    private static async Task ReadAsync(HttpContext http, GrpcPart part, AdmittedRequest admitted, StageTimings timings)
    {
        using StageTimings.Scope reading = timings.Measure(Stage.Read);
        try
        {
            await GrpcMessage.EndAsync(http, part, admitted.HoldBytes, admitted.Cancellation);
        }
        catch (OperationCanceledException) when (admitted.IsLate)
        {
            throw admitted.Late(Stage.Read);
        }
    }

    private static async Task<PooledBufferWriter> AnswerAsync(InferService service, ModelView view, ReadOnlyMemory<byte> message, AdmittedRequest admitted, StageTimings timings)
    {
        using InferRequest request = InferMessages.Read(message);
        using OutputTensor output = await service.Runner.RunAsync(admitted, view, request, timings);
        using StageTimings.Scope encoding = timings.Measure(Stage.Encode);
        return GrpcMessage.Frame(InferMessages.Answer(view.Name, admitted.Model, request, output));
    }
}
