namespace InferenceServer.OpenInference.Grpc;

internal static partial class Log
{
    [LoggerMessage(700, LogLevel.Error, "Call {RequestId} failed in a way that was not foreseen.")]
    public static partial void CallFailed(ILogger logger, Exception exception, string requestId);
}
