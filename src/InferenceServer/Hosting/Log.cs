namespace InferenceServer.Hosting;

internal static partial class Log
{
    [LoggerMessage(300, LogLevel.Critical, "The server cannot serve and stops: {Reason}")]
    public static partial void CannotServe(ILogger logger, string reason);

    [LoggerMessage(301, LogLevel.Warning, "Changes of model files are looked for every {Seconds} s only, for the system sends no events: {Reason}")]
    public static partial void NoFileEvents(ILogger logger, double seconds, string reason);

    [LoggerMessage(302, LogLevel.Information, "Draining after {Signal}: not ready, but serving for another {Seconds} s.")]
    public static partial void Draining(ILogger logger, string signal, double seconds);

    [LoggerMessage(303, LogLevel.Information, "Stopping: no new connections; requests under way have {Seconds} s.")]
    public static partial void Stopping(ILogger logger, double seconds);

    [LoggerMessage(304, LogLevel.Warning, "Another {Signal}: stopping without waiting for the requests under way.")]
    public static partial void CutShort(ILogger logger, string signal);
}
