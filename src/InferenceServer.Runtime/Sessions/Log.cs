using Microsoft.Extensions.Logging;

namespace InferenceServer.Runtime.Sessions;

internal static partial class Log
{
    [LoggerMessage(100, LogLevel.Warning, "CUDA cannot be used; networks run on the CPU: {Reason}")]
    public static partial void CudaUnavailable(ILogger logger, string reason);

    [LoggerMessage(
        101, LogLevel.Warning,
        "The GPU has no page-locked memory; copies to and from the GPU are slower: {Reason}")]
    public static partial void NoPinnedMemory(ILogger logger, string reason);

    [LoggerMessage(
        103, LogLevel.Warning,
        "The GPU finds other labels than the processor in the scores of {Model}; all scores leave the GPU, which takes longer.")]
    public static partial void LabelsDiffer(ILogger logger, string model);

    [LoggerMessage(
        104, LogLevel.Warning,
        "The GPU does not normalise the images of {Model}, so that the processor does, and three times as many bytes are copied: {Reason}")]
    public static partial void PixelsDiffer(ILogger logger, string model, string reason);

    [LoggerMessage(
        EventId = 102,
        Message = "Each session of {Model} holds weights of its own, because they cannot be shared: {Reason}")]
    public static partial void WeightsNotShared(ILogger logger, LogLevel level, string model, string reason);
}
