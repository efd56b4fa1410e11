namespace InferenceServer.Bulk;

internal static partial class Log
{
    [LoggerMessage(1000, LogLevel.Error, "Image {Index} of {Route} failed; the others go on.")]
    public static partial void ImageFailed(ILogger logger, Exception exception, int index, string route);
}
