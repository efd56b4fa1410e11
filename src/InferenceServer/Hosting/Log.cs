namespace InferenceServer.Hosting;

internal static partial class Log
{
    [LoggerMessage(
        302, LogLevel.Information,
        "Draining after {Signal}: not ready, but serving for another {Seconds} s.")]
    public static partial void Draining(ILogger logger, string signal, double seconds);

    [LoggerMessage(
        305, LogLevel.Information,
        "SIGHUP changes nothing: models and certificates are read again when their files change. SIGTERM stops the server.")]
    public static partial void HangUp(ILogger logger);

    [LoggerMessage(
        306, LogLevel.Error,
        "The process has no file handles left, so connections wait and files cannot be opened. Raise the limit "
        + "(ulimit -n, LimitNOFILE), or lower Hosting:MaxConnections: {Reason}")]
    public static partial void NoHandles(ILogger logger, string reason);

    [LoggerMessage(307, LogLevel.Error, "The server is not ready: {Reason}")]
    public static partial void NoTemporaryFolder(ILogger logger, string reason);

    [LoggerMessage(308, LogLevel.Information, "The temporary folder (TMPDIR) can be written again.")]
    public static partial void TemporaryFolderBack(ILogger logger);

    [LoggerMessage(309, LogLevel.Warning, "Removed the socket {Path}, at which no process listens: an earlier one was killed.")]
    public static partial void StaleSocket(ILogger logger, string path);

    [LoggerMessage(304, LogLevel.Warning, "Another {Signal}: stopping without waiting for current requests.")]
    public static partial void CutShort(ILogger logger, string signal);
}
