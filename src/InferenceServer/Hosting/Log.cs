namespace InferenceServer.Hosting;

internal static partial class Log
{
    [LoggerMessage(300, LogLevel.Critical, "The server cannot serve and stops: {Reason}")]
    public static partial void CannotServe(ILogger logger, string reason);
}
