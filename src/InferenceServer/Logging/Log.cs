namespace InferenceServer.Logging;

internal static partial class Log
{
    [LoggerMessage(EventId = 400, Message = "{Method} {Path} → {Status} in {ElapsedMs:F1} ms ({RequestBytes} bytes in) {RequestId}")]
    public static partial void Request(
        ILogger logger, LogLevel level, string method, string path, int status, double elapsedMs, long requestBytes, string requestId);

    [LoggerMessage(EventId = 401, Message = "{Method} {Path} → {Status} {Reason} in {ElapsedMs:F1} ms ({RequestBytes} bytes in) {RequestId}: {Detail}")]
    public static partial void Refused(
        ILogger logger, LogLevel level, string method, string path, int status, string reason, double elapsedMs, long requestBytes, string requestId, string detail);
}
