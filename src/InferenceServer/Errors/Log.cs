namespace InferenceServer.Errors;

internal static partial class Log
{
    [LoggerMessage(500, LogLevel.Error, "The network failed.")]
    public static partial void InferenceFailed(ILogger logger, Exception exception);

    [LoggerMessage(501, LogLevel.Error, "Request {RequestId} failed with an unexpected exception.")]
    public static partial void Unforeseen(ILogger logger, Exception exception, string requestId);
}
