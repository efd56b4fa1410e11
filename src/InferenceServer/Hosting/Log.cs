namespace InferenceServer.Hosting;

internal static partial class Log
{
    [LoggerMessage(
        302, LogLevel.Information,
        "Draining after {Signal}: not ready, but serving for another {Seconds} s.")]
    public static partial void Draining(ILogger logger, string signal, double seconds);

    [LoggerMessage(304, LogLevel.Warning, "Another {Signal}: stopping without waiting for current requests.")]
    public static partial void CutShort(ILogger logger, string signal);
}
