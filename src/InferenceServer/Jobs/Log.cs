namespace InferenceServer.Jobs;

internal static partial class Log
{
    [LoggerMessage(800, LogLevel.Error, "Job {Id} cannot go on.")]
    public static partial void JobFailed(ILogger logger, Exception exception, string id);
}
