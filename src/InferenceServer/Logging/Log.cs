namespace InferenceServer.Logging;

internal static partial class Log
{
    [LoggerMessage(EventId = 400, Message = "{Method} {Path} → {Status} in {ElapsedMs:F1} ms ({RequestBytes} bytes in) {RequestId}")]
    public static partial void Request(
        ILogger logger, LogLevel level, string method, string path, int status, double elapsedMs, long requestBytes, string requestId);
}
