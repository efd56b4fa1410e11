using Google.Protobuf;
using InferenceServer.Problems;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;

namespace InferenceServer.OpenInference.Grpc;

/// <summary>One unary call: what goes wrong in it becomes a status.</summary>
internal static class GrpcCall
{
    private const int SmallMessage = 1 << 20;

    /// <summary>Maps a method that takes and gives small messages.</summary>
    public static IEndpointConventionBuilder MapCall<TRequest>(this IEndpointRouteBuilder service, string method, MessageParser<TRequest> parser, Func<TRequest, HttpContext, Task<IMessage>> answer)
        where TRequest : IMessage<TRequest> => service.MapCall(method, async http =>
        {
            using GrpcPart part = await GrpcMessage.BeginAsync(http, SmallMessage, SmallMessage, http.RequestAborted);
            await GrpcMessage.EndAsync(http, part, null, http.RequestAborted);
            using PooledBufferWriter frame = GrpcMessage.Frame(await answer(parser.ParseFrom(part.Bytes.Written.Span), http));
            await GrpcMessage.SendAsync(http, frame);
        });

    /// <summary>Maps a method that reads and writes its messages itself.</summary>
    public static IEndpointConventionBuilder MapCall(this IEndpointRouteBuilder service, string method, Func<HttpContext, Task> handle) =>
        service.MapPost(method, http => RunAsync(http, handle)).WithMetadata(GrpcProblem.Instance, BodyLimit.Instance).ExcludeFromDescription();

    private static async Task RunAsync(HttpContext http, Func<HttpContext, Task> handle)
    {
        try
        {
            if (http.Request.ContentType?.StartsWith(GrpcMessage.ContentType, StringComparison.OrdinalIgnoreCase) is not true || !http.Response.SupportsTrailers())
            {
                throw new SegmentationException(SegmentationError.UnsupportedMediaType, $"This address takes gRPC: HTTP/2 and the content type {GrpcMessage.ContentType}.");
            }

            await handle(http);
        }
        catch (Exception e) when (!http.Response.HasStarted && !http.RequestAborted.IsCancellationRequested)
        {
            await Problem.WriteAsync(http, e switch
            {
                SegmentationException known => known,
                InvalidProtocolBufferException => new SegmentationException(SegmentationError.InvalidRequest, "The message is none of this method: " + e.Message, e),
                BadHttpRequestException => new SegmentationException(SegmentationError.InvalidRequest, e.Message, e),
                _ => Unforeseen(http, e),
            });
        }
    }

    private static SegmentationException Unforeseen(HttpContext http, Exception exception)
    {
        Log.CallFailed(http.RequestServices.GetRequiredService<ILoggerFactory>().CreateLogger("InferenceServer.OpenInference.Grpc"), exception, http.TraceIdentifier);
        return new SegmentationException(SegmentationError.InferenceFailed, "The server failed; its log says more under the request's id.", exception);
    }
}
