using Microsoft.Extensions.Logging;

namespace InferenceServer.Runtime.Decoding;

internal static partial class Log
{
    [LoggerMessage(400, LogLevel.Debug, "libvips refused an image. Its words, which may be about another request's image: {Text}")]
    public static partial void Refused(ILogger logger, string text);
}
