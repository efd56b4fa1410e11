namespace InferenceServer.Jobs;

internal static partial class Log
{
    [LoggerMessage(800, LogLevel.Error, "Job {Id} failed.")]
    public static partial void JobFailed(ILogger logger, Exception exception, string id);

    [LoggerMessage(702, LogLevel.Error, "The records of job {Id} could not be removed; they are removed later.")]
    public static partial void JobNotRemoved(ILogger logger, Exception exception, string id);

    [LoggerMessage(703, LogLevel.Error, "The records of job {Id} could not be read; the job is ignored, or has failed.")]
    public static partial void JobUnreadable(ILogger logger, Exception exception, string id);

    [LoggerMessage(704, LogLevel.Warning, "Work on job {Id} could not be queued and is queued later: {Reason}")]
    public static partial void WorkNotQueued(ILogger logger, string id, string reason);

    [LoggerMessage(705, LogLevel.Warning, "The store of jobs does not answer; the server answers with what it knows: {Reason}")]
    public static partial void StoreAway(ILogger logger, string reason);

    [LoggerMessage(712, LogLevel.Information, "The store of jobs answers again.")]
    public static partial void StoreBack(ILogger logger);

    [LoggerMessage(706, LogLevel.Warning, "Work {Work} is put back: {Reason}")]
    public static partial void PutBack(ILogger logger, string work, string reason);

    [LoggerMessage(707, LogLevel.Error, "Work {Work} failed; it is tried again.")]
    public static partial void WorkFailed(ILogger logger, Exception exception, string work);

    [LoggerMessage(708, LogLevel.Warning, "The queue of jobs does not answer; the server tries again: {Reason}")]
    public static partial void QueueAway(ILogger logger, string reason);

    [LoggerMessage(709, LogLevel.Information, "The queue of jobs answers again.")]
    public static partial void QueueBack(ILogger logger);

    [LoggerMessage(710, LogLevel.Information, "Job {Id}: work was missing from the queue and is queued again.")]
    public static partial void WorkFound(ILogger logger, string id);

    [LoggerMessage(711, LogLevel.Warning, "The webhook of job {Id} was not told after {Tries} tries: {Reason}")]
    public static partial void NotNotified(ILogger logger, string id, int tries, string reason);
}
