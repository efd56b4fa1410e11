namespace InferenceServer.Auth;

internal static partial class Log
{
    [LoggerMessage(700, LogLevel.Warning, "The authority {Authority} cannot be asked for the keys of its tokens.")]
    public static partial void AuthorityUnreachable(ILogger logger, Exception exception, string authority);
}
