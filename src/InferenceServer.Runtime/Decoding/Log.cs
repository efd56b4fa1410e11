using Microsoft.Extensions.Logging;

namespace InferenceServer.Runtime.Decoding;

internal static partial class Log
{
    [LoggerMessage(
        400, LogLevel.Debug,
        "libvips failed on an image. libvips' text (may be about another image): {Text}")]
    public static partial void Refused(ILogger logger, string text);
}
