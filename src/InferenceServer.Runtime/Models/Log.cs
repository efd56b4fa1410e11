using InferenceServer.Runtime.Sessions;
using Microsoft.Extensions.Logging;

namespace InferenceServer.Runtime.Models;

internal static partial class Log
{
    [LoggerMessage(200, LogLevel.Information, "Model {Model} v{Version} ready on {Provider} after {LoadMs:F0} ms.")]
    public static partial void ModelReady(ILogger logger, string model, int version, ExecutionProvider provider, double loadMs);

    [LoggerMessage(201, LogLevel.Error, "Model {Model} v{Version} is unavailable: {Reason}")]
    public static partial void ModelUnavailable(ILogger logger, string model, int version, string reason);
}
