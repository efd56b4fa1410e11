using Microsoft.Extensions.Logging;

namespace InferenceServer.Runtime.Sessions;

internal static partial class Log
{
    [LoggerMessage(100, LogLevel.Warning, "CUDA cannot be used, networks run on the CPU: {Reason}")]
    public static partial void CudaUnavailable(ILogger logger, string reason);
}
