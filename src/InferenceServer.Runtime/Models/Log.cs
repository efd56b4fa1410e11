using InferenceServer.Runtime.Sessions;
using Microsoft.Extensions.Logging;

namespace InferenceServer.Runtime.Models;

internal static partial class Log
{
    [LoggerMessage(200, LogLevel.Information, "Model {Model} v{Version} ready on {Provider} after {LoadMs:F0} ms.")]
    public static partial void ModelReady(ILogger logger, string model, int version, ExecutionProvider provider, double loadMs);

    [LoggerMessage(201, LogLevel.Error, "Model {Model} v{Version} is unavailable; {Standing}: {Reason}")]
    public static partial void ModelUnavailable(ILogger logger, string model, int version, string standing, string reason);

    [LoggerMessage(202, LogLevel.Error, "Model {Model} is unavailable; {Standing}: {Reason}")]
    public static partial void ModelWithoutVersion(ILogger logger, string model, string standing, string reason);

    [LoggerMessage(203, LogLevel.Warning, "There is no model in {Folder} (Models:Path).")]
    public static partial void NoModels(ILogger logger, string folder);

    [LoggerMessage(
        204, LogLevel.Warning,
        "{File} is no model yet: move it to {Graph} and draft its manifest with: inference-server inspect {Graph} " +
        "--manifest {Manifest}")]
    public static partial void StrayGraph(ILogger logger, string file, string graph, string manifest);

    [LoggerMessage(205, LogLevel.Error, "Models:Default or Models:Required names {Model}, which is not there; there are: {Models}.")]
    public static partial void ModelMissing(ILogger logger, string model, string models);

    [LoggerMessage(206, LogLevel.Information, "Model {Model} v{Version} no longer serves; its session is freed after its last request.")]
    public static partial void ModelReplaced(ILogger logger, string model, int version);

    [LoggerMessage(
        207, LogLevel.Warning,
        "{Folder} (Models:Path) is gone or empty, which looks like a volume that was unmounted; the models that " +
        "are loaded keep serving.")]
    public static partial void FolderGone(ILogger logger, string folder);

    [LoggerMessage(208, LogLevel.Warning, "{Folder} (Models:Path) could not be read; what is loaded keeps serving: {Reason}")]
    public static partial void FolderUnreadable(ILogger logger, string folder, string reason);

    [LoggerMessage(209, LogLevel.Information, "Model {Model} is gone from its folder and serves no longer.")]
    public static partial void ModelRemoved(ILogger logger, string model);

    [LoggerMessage(210, LogLevel.Error, "The folder of the model {Model} cannot be read; what is loaded keeps serving: {Reason}")]
    public static partial void ModelUnreadable(ILogger logger, string model, string reason);

    [LoggerMessage(300, LogLevel.Critical, "No model can be served, and the program stops: {Reason}")]
    public static partial void CannotServe(ILogger logger, string reason);

    [LoggerMessage(
        301, LogLevel.Warning,
        "Changes of model files are looked for every {Seconds} s only, for the system sends no events: {Reason}")]
    public static partial void NoFileEvents(ILogger logger, double seconds, string reason);
}
