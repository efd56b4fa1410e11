using InferenceServer.Runtime.Preprocessing;
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

/// <summary>Images of one size that share a run.</summary>
internal sealed class Batch(IReadOnlyList<PendingImage> images) : IDisposable
{
    private readonly CancellationTokenSource _abandoned = new();
    private int _present = images.Count;
    private bool _ended;

    public IReadOnlyList<PendingImage> Images => images;

    /// <summary>Notes that one image's owner has gone, and ends the run once nobody is left.</summary>
    /// <remarks>The image itself is let go when the run ends: until then the network may read its input.</remarks>
    public void Leave()
    {
        lock (_abandoned)
        {
            if (--_present == 0 && !_ended)
            {
                _abandoned.Cancel();
            }
        }
    }

    /// <summary>Called when the run has ended; somebody may still leave.</summary>
    public void Dispose()
    {
        lock (_abandoned)
        {
            _ended = true;
            _abandoned.Dispose();
        }
    }

    /// <summary>Runs the network once for all and hands each image its own output, or the reason why there is none.</summary>
    public void Run(IModelSession session) => Run(session, images);

    private void Run(IModelSession session, IReadOnlyList<PendingImage> some)
    {
        try
        {
            ModelOutput[] outputs = RunTogether(session, some);
            for (int i = 0; i < outputs.Length; i++)
            {
                some[i].Complete(outputs[i]);
            }
        }
        catch (SegmentationException) when (some.Count > 1)
        {
            // One image never fails its neighbours: where a batch fails, for instance for want of memory, each runs alone.
            foreach (PendingImage image in some)
            {
                Run(session, [image]);
            }
        }
        catch (OperationCanceledException)
        {
            foreach (PendingImage image in some)
            {
                image.Cancel();
            }
        }
        catch (Exception e)
        {
            foreach (PendingImage image in some)
            {
                image.Fail(e);
            }
        }
    }

    private ModelOutput[] RunTogether(IModelSession session, IReadOnlyList<PendingImage> some)
    {
        if (some.Count == 1)
        {
            return [session.Run(some[0].Input, _abandoned.Token)];
        }

        using InputTensor together = InputTensor.Stack([.. some.Select(i => i.Input)]);
        return session.Run(together, _abandoned.Token).Split();
    }
}
