namespace InferenceServer.Jobs;

internal static partial class Log
{
    [LoggerMessage(800, LogLevel.Error, "Job {Id} failed.")]
    public static partial void JobFailed(ILogger logger, Exception exception, string id);

    [LoggerMessage(
        701, LogLevel.Error,
        "Job {Id} has ended, but its status could not be written; the next start runs the job again.")]
    public static partial void JobNotNoted(ILogger logger, Exception exception, string id);

    [LoggerMessage(702, LogLevel.Error, "The files of job {Id} could not be removed.")]
    public static partial void JobNotRemoved(ILogger logger, Exception exception, string id);

    [LoggerMessage(703, LogLevel.Error, "The files of job {Id} could not be read; the job is ignored.")]
    public static partial void JobUnreadable(ILogger logger, Exception exception, string id);
}
