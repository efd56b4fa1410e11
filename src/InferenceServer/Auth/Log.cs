namespace InferenceServer.Auth;

internal static partial class Log
{
    [LoggerMessage(
        700, LogLevel.Warning,
        "The authority {Authority} does not return its signing keys; tokens with unknown keys are answered with " +
        "503.")]
    public static partial void AuthorityUnreachable(ILogger logger, Exception exception, string authority);

    [LoggerMessage(
        720, LogLevel.Warning,
        "Rates and quotas of keys are not shared with other servers for now; each server counts for itself: {Reason}")]
    public static partial void BudgetsNotShared(ILogger logger, string reason);
}
