namespace InferenceServer.Hosting;

internal static partial class Log
{
    [LoggerMessage(302, LogLevel.Information, "Draining after {Signal}: not ready, but serving for another {Seconds} s.")]
    public static partial void Draining(ILogger logger, string signal, double seconds);

    [LoggerMessage(303, LogLevel.Information, "Stopping: no new connections; requests under way have {Seconds} s.")]
    public static partial void Stopping(ILogger logger, double seconds);

    [LoggerMessage(304, LogLevel.Warning, "Another {Signal}: stopping without waiting for the requests under way.")]
    public static partial void CutShort(ILogger logger, string signal);
}
