using InferenceServer.Auth;
using InferenceServer.Errors;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Segment;
using InferenceServer.Telemetry;
using Microsoft.Extensions.Options;

namespace InferenceServer.OpenInference.Grpc;

/// <summary>The method ModelStreamInfer: each message is a request as of ModelInfer, and is answered before the next one is
/// read. So answers come in the order of their messages, and a stream holds no more than one call does.</summary>
internal sealed class GrpcStream(IHostApplicationLifetime application, IOptions<SchedulingOptions> scheduling, TimeProvider time)
{
    private const int MaxStreams = 1000; // about ten kilobytes each
    // With this header Triton, too, ends a stream with the status of the first message that fails.
    private const string StrictHeader = "triton_grpc_error";
    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(10);

    private readonly ConcurrencyLimit _streams = new(
        MaxStreams, "open streams of ModelStreamInfer", TimeSpan.FromSeconds(10), scheduling.Value.ClientShare);

    public async Task HandleAsync(HttpContext http)
    {
        TimeSpan? timeout = GrpcTimeout.Read(http.Request);
        long start = time.GetTimestamp();
        if (!_streams.TryEnter(Caller.Client(http), out IDisposable? permit, out SegmentationException? refusal))
        {
            await Problem.WriteAsync(http, refusal);
            return;
        }

        using IDisposable held = permit;
        RequestObservation stream = http.Observation();
        stream.InParts();
        http.Response.ContentType = GrpcMessage.ContentType;
        KeyBudget? budget = null; // the call has paid for its first message
        Memory<byte> header = new byte[GrpcMessage.FrameHeader];
        while (await NextAsync(http, header, Left()) is > 0 and int begun)
        {
            RequestObservation message = stream.Message();
            http.Features.Set(message);
            try
            {
                using GrpcPart part = await GrpcInfer.BeginAsync(http, Left(), header[..begun]);
                if (!await AnswerAsync(http, part, Left(), budget))
                {
                    return;
                }
            }
            catch (SegmentationException e)
            {
                Problem.Note(http, e);
                throw;
            }
            finally
            {
                message.End(http);
                http.Features.Set(stream);
            }

            Problem.Forget(http);
            budget = Caller.Of(http)?.Budget;
        }

        GrpcMessage.Succeed(http);

        TimeSpan? Left()
        {
            TimeSpan? left = timeout - time.GetElapsedTime(start);
            return left < TimeSpan.Zero ? TimeSpan.Zero : left;
        }
    }

    // Returns false where the stream has ended with the message's error: where the next message begins is not known after one
    // that did not come in time, nor, by exceptions, after one that is too long, compressed or cut.
    private static async Task<bool> AnswerAsync(HttpContext http, GrpcPart part, TimeSpan? left, KeyBudget? budget)
    {
        InferTarget target = InferMessages.Peek(part.Bytes.Written);
        InferResult? answer = null;
        SegmentationException? failure;
        try
        {
            (answer, failure) = await GrpcInfer.AnswerAsync(http, part, target, left, inStream: true, budget);
        }
        catch (Exception e) when (!http.RequestAborted.IsCancellationRequested)
        {
            failure = await GrpcCall.FailureAsync(http, e);
            if (failure is null)
            {
                throw;
            }
        }

        using InferResult? owned = answer;
        if (answer is not null)
        {
            part.Dispose(); // frees the memory now, because a client may read slowly
            await answer.SendAsync(http);
            return true;
        }

        bool isCut = part.Missing > 0 && PacedBody.Of(http)!.HasEnded;
        if (isCut || http.Request.Headers[StrictHeader] == "true")
        {
            await Problem.WriteAsync(http, failure!);
            return false;
        }

        Problem.Note(http, failure!);
        await GrpcMessage.SkipAsync(http, part, http.RequestAborted);
        using PooledBufferWriter frame = InferMessages.Failure(target, failure!.Message);
        await using AnswerWriter output = new(http);
        await output.WriteAsync(frame.Written, http.RequestAborted);
        return true;
    }

    // The bytes that the next message begins with; none at the end of the stream.
    private async Task<int> NextAsync(HttpContext http, Memory<byte> header, TimeSpan? left)
    {
        TimeSpan wait = left < LongestPause ? left.Value : LongestPause;
        CancellationToken stopping = application.ApplicationStopping;
        using CancellationTokenSource late = new(wait, time);
        using CancellationTokenSource end = CancellationTokenSource.CreateLinkedTokenSource(late.Token, stopping, http.RequestAborted);
        try
        {
            return await PacedBody.Of(http)!.ReadNextAsync(header, end.Token);
        }
        catch (OperationCanceledException e) when (!http.RequestAborted.IsCancellationRequested)
        {
            if (stopping.IsCancellationRequested)
            {
                throw new SegmentationException(ErrorTable.Draining, "The server stops. Open the stream again, at another replica.", e);
            }

            string limit = left < LongestPause ? "before the call's deadline" : $"within {LongestPause.TotalMinutes:N0} minutes";
            throw new SegmentationException(
                SegmentationError.DeadlineExceeded,
                $"Expected the next message, or the end of the stream, {limit}, got neither. Open the stream again.", e);
        }
    }
}
