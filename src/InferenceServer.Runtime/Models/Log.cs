using InferenceServer.Runtime.Sessions;
using Microsoft.Extensions.Logging;

namespace InferenceServer.Runtime.Models;

internal static partial class Log
{
    [LoggerMessage(200, LogLevel.Information, "Model {Model} v{Version} ready in {Variant} on {Provider} after {LoadMs:F0} ms.")]
    public static partial void ModelReady(
        ILogger logger, string model, int version, GraphVariant variant, ExecutionProvider provider, double loadMs);

    [LoggerMessage(201, LogLevel.Error, "Model {Model} v{Version} is unavailable; {Standing}: {Reason}")]
    public static partial void ModelUnavailable(ILogger logger, string model, int version, string standing, string reason);

    [LoggerMessage(202, LogLevel.Error, "Model {Model} is unavailable; {Standing}: {Reason}")]
    public static partial void ModelWithoutVersion(ILogger logger, string model, string standing, string reason);

    [LoggerMessage(203, LogLevel.Warning, "{Folder} (Models:Path) has no model.")]
    public static partial void NoModels(ILogger logger, string folder);

    [LoggerMessage(
        204, LogLevel.Warning,
        "{File} is not in a model's folder: move it to {Graph} and draft its manifest with: " +
        "inference-server inspect {Graph} --manifest {Manifest}")]
    public static partial void StrayGraph(ILogger logger, string file, string graph, string manifest);

    [LoggerMessage(
        205, LogLevel.Error,
        "Models:Default or Models:Required names the unknown model {Model}; expected one of: {Models}.")]
    public static partial void ModelMissing(ILogger logger, string model, string models);

    [LoggerMessage(
        206, LogLevel.Information,
        "Model {Model} v{Version} no longer serves; its session is freed after its last request.")]
    public static partial void ModelReplaced(ILogger logger, string model, int version);

    [LoggerMessage(
        207, LogLevel.Warning,
        "{Folder} (Models:Path) is missing or empty, as when a volume is unmounted; the loaded models " +
        "keep serving.")]
    public static partial void FolderGone(ILogger logger, string folder);

    [LoggerMessage(
        208, LogLevel.Warning,
        "{Folder} (Models:Path) could not be read; the loaded models keep serving: {Reason}")]
    public static partial void FolderUnreadable(ILogger logger, string folder, string reason);

    [LoggerMessage(209, LogLevel.Information, "The folder of model {Model} was removed; the model no longer serves.")]
    public static partial void ModelRemoved(ILogger logger, string model);

    [LoggerMessage(
        210, LogLevel.Error,
        "The folder of model {Model} cannot be read; its loaded versions keep serving: {Reason}")]
    public static partial void ModelUnreadable(ILogger logger, string model, string reason);

    [LoggerMessage(
        213, LogLevel.Information,
        "Pulled from {Place}: {Models}; {Files} files with {Bytes} bytes were downloaded, {PresentFiles} files with " +
        "{PresentBytes} bytes were there.")]
    public static partial void ModelsPulled(
        ILogger logger, string place, string models, long files, long bytes, long presentFiles, long presentBytes);

    [LoggerMessage(214, LogLevel.Error, "Model {Model} cannot be pulled, and stays as it is: {Reason}")]
    public static partial void ModelNotPulled(ILogger logger, string model, string reason);

    [LoggerMessage(215, LogLevel.Warning, "The models cannot be pulled; {Standing}: {Reason}")]
    public static partial void StoreAway(ILogger logger, string standing, string reason);

    [LoggerMessage(216, LogLevel.Information, "{Place} is there again; models are pulled.")]
    public static partial void StoreBack(ILogger logger, string place);

    [LoggerMessage(217, LogLevel.Warning, "{Place} has no model any more; the last models keep serving.")]
    public static partial void PlaceEmpty(ILogger logger, string place);

    [LoggerMessage(218, LogLevel.Error, "Model {Model} cannot be taken from the cache: {Reason}")]
    public static partial void CacheDamaged(ILogger logger, string model, string reason);

    [LoggerMessage(219, LogLevel.Warning, "{Folder} (Models:Cache) cannot be cleaned of unused files: {Reason}")]
    public static partial void CacheNotCleaned(ILogger logger, string folder, string reason);

    [LoggerMessage(300, LogLevel.Critical, "No model can be served; the program stops: {Reason}")]
    public static partial void CannotServe(ILogger logger, string reason);

    [LoggerMessage(
        301, LogLevel.Warning,
        "Model files are checked only every {Seconds} s, because the system sends no events: {Reason}")]
    public static partial void NoFileEvents(ILogger logger, double seconds, string reason);

    [LoggerMessage(211, LogLevel.Information, "Model {Model} v{Version} runs with nodes added to its graph: {Added}.")]
    public static partial void ModelAdapted(ILogger logger, string model, int version, string added);

    [LoggerMessage(212, LogLevel.Warning, "Model {Model} v{Version} may be described wrongly: {Warning}.")]
    public static partial void ModelDoubtful(ILogger logger, string model, int version, string warning);

    [LoggerMessage(230, LogLevel.Information, "{Graph} ran {Speedup:F2} times as fast as the exported graph in a trial.")]
    public static partial void VariantTried(ILogger logger, string graph, double speedup);

    [LoggerMessage(
        231, LogLevel.Warning,
        "{Graph} was made of another graph than {Exported} and does not serve; run inference-server optimize again, or remove it.")]
    public static partial void VariantStale(ILogger logger, string graph, string exported);

    [LoggerMessage(
        232, LogLevel.Information,
        "{Graph} was measured to be {Speedup:F2} times as fast as the exported graph, on such a processor with this ONNX Runtime; "
        + "there is no trial.")]
    public static partial void VariantMeasured(ILogger logger, string graph, double speedup);

    [LoggerMessage(
        233, LogLevel.Information,
        "{Graph} does not serve: it has weights of {Bits} bits, and the sums of this processor are exact up to {Most}; "
        + "the exported graph serves.")]
    public static partial void VariantOverflows(ILogger logger, string graph, int bits, int most);
}
