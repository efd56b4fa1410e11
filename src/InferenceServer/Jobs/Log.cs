namespace InferenceServer.Jobs;

internal static partial class Log
{
    [LoggerMessage(800, LogLevel.Error, "Job {Id} cannot go on.")]
    public static partial void JobFailed(ILogger logger, Exception exception, string id);

    [LoggerMessage(701, LogLevel.Error, "Job {Id} has ended, but that could not be written down; the next start works on it again.")]
    public static partial void JobNotNoted(ILogger logger, Exception exception, string id);

    [LoggerMessage(702, LogLevel.Error, "The files of job {Id} could not be removed.")]
    public static partial void JobNotRemoved(ILogger logger, Exception exception, string id);

    [LoggerMessage(703, LogLevel.Error, "The files of job {Id} could not be read; the job is passed over.")]
    public static partial void JobUnreadable(ILogger logger, Exception exception, string id);
}
