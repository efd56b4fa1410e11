using Google.Protobuf;
using InferenceServer.Errors;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;

namespace InferenceServer.OpenInference.Grpc;

/// <summary>Maps calls, and turns their exceptions into a status.</summary>
internal static class GrpcCall
{
    /// <summary>Maps a method with small messages.</summary>
    public static IEndpointConventionBuilder MapCall<TRequest>(
        this IEndpointRouteBuilder service,
        string method,
        MessageParser<TRequest> parser,
        Func<TRequest, HttpContext, Task<IMessage>> answer,
        int maxBytes = SmallBody.MaxBytes)
        where TRequest : IMessage<TRequest> => service.MapCall(method, async http =>
        {
            TimeSpan? timeout = GrpcTimeout.Read(http.Request);
            TRequest request = await SmallBody.ReadAsync(http, timeout, end => ReadAsync(http, parser, maxBytes, end));
            using PooledBufferWriter frame = GrpcMessage.Frame(await answer(request, http));
            await GrpcMessage.SendAsync(http, frame.Written);
        });

    /// <summary>Maps a method that reads and writes its messages itself.</summary>
    public static IEndpointConventionBuilder MapCall(this IEndpointRouteBuilder service, string method, Func<HttpContext, Task> handle) =>
        service.MapPost(method, http => RunAsync(http, handle))
            .WithMetadata(GrpcProblem.Instance, BodyLimit.Instance)
            .ExcludeFromDescription();

    /// <summary>The error of a request that is not a gRPC call.</summary>
    public static SegmentationException NoCall() =>
        new(
            SegmentationError.UnsupportedMediaType,
            $"Expected a gRPC call over HTTP/2 with the content type {GrpcMessage.ContentType}.");

    private static async Task<TRequest> ReadAsync<TRequest>(
        HttpContext http, MessageParser<TRequest> parser, int maxBytes, CancellationToken cancellationToken)
        where TRequest : IMessage<TRequest>
    {
        using GrpcPart part = await GrpcMessage.BeginAsync(http, maxBytes, atLeast: 0, begun: default, cancellationToken);
        await GrpcMessage.EndAsync(http, part, _ => { }, cancellationToken);
        await GrpcMessage.ExpectEndAsync(http, cancellationToken);
        // A kept unknown field would be an object.
        return parser.WithDiscardUnknownFields(true).ParseFrom(part.Bytes.Written.Span);
    }

    private static async Task RunAsync(HttpContext http, Func<HttpContext, Task> handle)
    {
        try
        {
            if (!GrpcMessage.IsCall(http))
            {
                throw NoCall();
            }

            await handle(http);
        }
        catch (Exception e) when (MayAnswer(http) && !http.RequestAborted.IsCancellationRequested)
        {
            if (await FailureAsync(http, e) is { } failure)
            {
                await Problem.WriteAsync(http, failure);
            }
        }
    }

    // After a stream's first answer the status is still to come.
    private static bool MayAnswer(HttpContext http) => !http.Response.HasStarted || !GrpcMessage.HasStatus(http);

    /// <summary>What an exception means for the client of a call.</summary>
    /// <returns>Null where the client is gone.</returns>
    public static async Task<SegmentationException?> FailureAsync(HttpContext http, Exception exception)
    {
        bool mayBeClient = exception is IOException and not BadHttpRequestException || exception is OperationCanceledException;
        if (mayBeClient && await ClientGone.IsReasonAsync(http))
        {
            return null;
        }

        return exception switch
        {
            SegmentationException failed when failed.Error == SegmentationError.InferenceFailed => Failed(http, failed),
            SegmentationException known => known,
            InvalidProtocolBufferException =>
                new SegmentationException(
                    SegmentationError.InvalidRequest,
                    "The message cannot be parsed as the request of this method: " + exception.Message, exception),
            BadHttpRequestException => new SegmentationException(SegmentationError.InvalidRequest, exception.Message, exception),
            _ => Unforeseen(http, exception),
        };
    }

    private static SegmentationException Failed(HttpContext http, SegmentationException exception)
    {
        Errors.Log.InferenceFailed(Logger(http), exception);
        return exception;
    }

    private static SegmentationException Unforeseen(HttpContext http, Exception exception)
    {
        Log.CallFailed(Logger(http), exception, http.TraceIdentifier);
        return new SegmentationException(
            SegmentationError.InferenceFailed, "The server failed; see the server's log under the request's id.",
            exception);
    }

    private static ILogger Logger(HttpContext http) =>
        http.RequestServices.GetRequiredService<ILoggerFactory>().CreateLogger("InferenceServer.OpenInference.Grpc");
}
