using System.Globalization;
using InferenceServer.Auth;
using InferenceServer.Errors;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Segment;
using InferenceServer.Telemetry;

namespace InferenceServer.OpenInference.Grpc;

/// <summary>The method ModelInfer, and what a message of ModelStreamInfer shares with it.</summary>
internal static class GrpcInfer
{
    public static async Task HandleAsync(HttpContext http)
    {
        TimeSpan? timeout = GrpcTimeout.Read(http.Request);
        using GrpcPart part = await BeginAsync(http, timeout, begun: default);
        InferTarget target = InferMessages.Peek(part.Bytes.Written);
        (InferResult? answer, SegmentationException? refusal) = await AnswerAsync(http, part, target, timeout);
        if (answer is null)
        {
            await Problem.WriteAsync(http, refusal!);
            return;
        }

        using InferResult owned = answer;
        part.Dispose(); // frees the memory now, because a client may read slowly
        GrpcMessage.Succeed(http);
        await answer.SendAsync(http);
    }

    /// <summary>Reads the start of a message: the headers have the call's deadline, but only the message has the model's
    /// name.</summary>
    /// <param name="http">The call.</param>
    /// <param name="timeout">Time left for the call; null without a deadline.</param>
    /// <param name="begun">The bytes of the message's frame that were read before.</param>
    public static Task<GrpcPart> BeginAsync(HttpContext http, TimeSpan? timeout, ReadOnlyMemory<byte> begun)
    {
        int maxBytes = http.RequestServices.GetRequiredService<InferHandler>().MaxBytes;
        return SmallBody.ReadAsync(http, timeout, end => GrpcMessage.BeginAsync(http, maxBytes, InferMessages.Head, begun, end));
    }

    /// <summary>Admits a message, reads the rest of it, and runs the model.</summary>
    /// <param name="http">The call.</param>
    /// <param name="part">The start of the message; receives the rest.</param>
    /// <param name="target">What the message names.</param>
    /// <param name="timeout">Time left for the call; null without a deadline.</param>
    /// <param name="inStream">Whether the message is one of a stream, in which others may follow.</param>
    /// <param name="budget">The key's budget that the message is taken from; null where the call has paid for it.</param>
    /// <returns>The answer, which the caller sends and disposes; or a refusal, since an exception for each would cost too
    /// much under a flood of messages.</returns>
    /// <exception cref="SegmentationException">The message failed.</exception>
    public static async Task<(InferResult? Answer, SegmentationException? Refusal)> AnswerAsync(
        HttpContext http, GrpcPart part, InferTarget target, TimeSpan? timeout, bool inStream = false, KeyBudget? budget = null)
    {
        Segmenter segmenter = http.RequestServices.GetRequiredService<Segmenter>();
        PacedBody.Of(http)?.Announce(part.Length);
        ProtocolModel view = http.RequestServices.GetRequiredService<ModelCatalog>().View(target.Model);
        http.Observation().AskedFor(view.Model);
        AdmissionRequest wanted = AdmissionRequest(http, view, Version(target.Version), timeout);
        if (budget?.Take() is { } used)
        {
            return (null, used);
        }

        if (!segmenter.TryAdmit(wanted, out AdmittedRequest? admitted, out SegmentationException? refusal))
        {
            return (null, refusal);
        }

        using Owned<InferResult> result = new(new InferResult(admitted));
        http.Observation().Admitted(admitted.Model);
        await admitted.ReadAsync(async () =>
        {
            await GrpcMessage.EndAsync(http, part, admitted.HoldBytes, admitted.Cancellation);
            if (!inStream)
            {
                await GrpcMessage.ExpectEndAsync(http, admitted.Cancellation);
            }

            return part;
        });
        using InferRequest request = await segmenter.ComputeAsync(
            admitted, Stage.Decode, () => InferMessageReader.Read(part.Bytes.Written));
        InferHandler handler = http.RequestServices.GetRequiredService<InferHandler>();
        OutputTensor output = result.Value.Output = await handler.RunAsync(admitted, view, request);
        result.Value.Answer = await segmenter.ComputeAsync(
            admitted, Stage.Encode, () => InferMessages.Answer(view.Name, admitted.Model, request, output, inStream));
        return (result.Release(), null);
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
