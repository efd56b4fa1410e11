using System.Globalization;
using InferenceServer.Errors;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Segment;
using InferenceServer.Telemetry;

namespace InferenceServer.OpenInference.Grpc;

/// <summary>The method ModelInfer: inference over gRPC.</summary>
internal static class GrpcInfer
{
    public static async Task HandleAsync(HttpContext http)
    {
        Segmenter segmenter = http.RequestServices.GetRequiredService<Segmenter>();
        InferHandler handler = http.RequestServices.GetRequiredService<InferHandler>();
        RequestObservation observation = http.Observation();
        TimeSpan? timeout = GrpcTimeout.Read(http.Request);
        // The headers have the call's deadline, but only the message has the model's name.
        using GrpcPart part = await SmallBody.ReadAsync(
            http, timeout, end => GrpcMessage.BeginAsync(http, handler.MaxBytes, InferMessages.Head, end));
        PacedBody.Of(http)?.Announce(part.Length);
        (string name, string version) = InferMessages.Peek(part.Bytes.Written);
        ProtocolModel view = http.RequestServices.GetRequiredService<ModelCatalog>().View(name);
        observation.AskedFor(view.Model);
        AdmissionRequest wanted = AdmissionRequest(http, view, Version(version), timeout);
        if (!segmenter.TryAdmit(wanted, out AdmittedRequest? admitted, out SegmentationException? refusal))
        {
            await Problem.WriteAsync(http, refusal);
            return;
        }

        using AdmittedRequest owned = admitted;
        observation.Admitted(admitted.Model);
        await admitted.ReadAsync(async () =>
        {
            await GrpcMessage.EndAsync(http, part, admitted.HoldBytes, admitted.Cancellation);
            return part;
        });
        (InferAnswer answer, OutputTensor output) = await RunAsync(segmenter, handler, admitted, view, part.Bytes.Written);
        using DisposableList<IDisposable> made = [answer, output];
        part.Dispose(); // frees the memory now, because a client may read slowly
        GrpcMessage.Succeed(http);
        await AnswerWriter.SendAsync(http, admitted, made, answer.Parts);
    }

    private static async Task<(InferAnswer Answer, OutputTensor Output)> RunAsync(
        Segmenter segmenter, InferHandler handler, AdmittedRequest admitted, ProtocolModel view, ReadOnlyMemory<byte> message)
    {
        using InferRequest request = await segmenter.ComputeAsync(admitted, Stage.Decode, () => InferMessageReader.Read(message));
        using Owned<OutputTensor> output = new(await handler.RunAsync(admitted, view, request));
        InferAnswer answer = await segmenter.ComputeAsync(
            admitted, Stage.Encode, () => InferMessages.Answer(view.Name, admitted.Model, request, output.Value));
        return (answer, output.Release());
    }

    /// <summary>Parses a version; null (the newest) for an empty text.</summary>
    /// <exception cref="SegmentationException">The text is not a number.</exception>
    public static int? Version(string version)
    {
        if (version.Length == 0)
        {
            return null;
        }

        if (int.TryParse(version, NumberStyles.None, CultureInfo.InvariantCulture, out int number))
        {
            return number;
        }

        throw new SegmentationException(SegmentationError.UnknownModel, $"Expected a number as version, got '{version}'.");
    }

    private static AdmissionRequest AdmissionRequest(HttpContext http, ProtocolModel view, int? version, TimeSpan? timeout)
    {
        AdmissionRequest arrival = AdmissionRequestBinder.Bind(
            view.Model, version, http.Request, SegmentSettingsBinder.BindHeaders(http.Request)) with
        { Bytes = 0 };
        if (arrival.Timeout < timeout)
        {
            return arrival;
        }

        return arrival with { Timeout = timeout ?? arrival.Timeout };
    }
}
