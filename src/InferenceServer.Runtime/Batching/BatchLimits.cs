using InferenceServer.Runtime.Sessions;

namespace InferenceServer.Runtime.Batching;

/// <summary>What one model's batches may be.</summary>
/// <param name="Images">Most images in one run.</param>
/// <param name="Pixels">Most input pixels in one run of several images.</param>
/// <param name="Delay">Longest wait for company.</param>
internal sealed record BatchLimits(int Images, long Pixels, TimeSpan Delay)
{
    private const int UsualOnGpu = 8;

    /// <summary>Every image alone and at once.</summary>
    public static BatchLimits None { get; } = new(1, long.MaxValue, TimeSpan.Zero);

    /// <summary>The limits of a model whose graph takes up to <paramref name="maxBatch"/> images.</summary>
    // On a CPU a batch costs what its images cost one after another, and only the last of them is not later than alone.
    public static BatchLimits For(BatchingOptions options, ExecutionProvider provider, int maxBatch)
    {
        int wanted = options.MaxBatchSize > 0 ? options.MaxBatchSize : provider == ExecutionProvider.Cpu ? 1 : UsualOnGpu;
        return new BatchLimits(Math.Min(wanted, maxBatch), options.MaxBatchPixels, options.MaxQueueDelay);
    }
}
