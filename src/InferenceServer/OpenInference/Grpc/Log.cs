namespace InferenceServer.OpenInference.Grpc;

internal static partial class Log
{
    [LoggerMessage(900, LogLevel.Error, "Call {RequestId} failed with an unexpected exception.")]
    public static partial void CallFailed(ILogger logger, Exception exception, string requestId);
}
