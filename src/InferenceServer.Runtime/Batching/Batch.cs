using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Sessions;

namespace InferenceServer.Runtime.Batching;

/// <summary>Limits of one model's batches.</summary>
/// <param name="Images">Most images in one run.</param>
/// <param name="Pixels">Most input pixels in one run of several images.</param>
/// <param name="Delay">Longest wait for more images.</param>
internal sealed record BatchLimits(int Images, long Pixels, TimeSpan Delay)
{
    private const int UsualOnGpu = 8;

    /// <summary>No batches: each image runs alone and at once.</summary>
    public static BatchLimits None { get; } = new(1, long.MaxValue, TimeSpan.Zero);

    /// <summary>The limits of a model whose graph takes up to <paramref name="maxBatch"/> images.</summary>
    // On a CPU a batch takes as long as its images one after another, so that all but the last would finish later.
    public static BatchLimits For(BatchingOptions options, ExecutionProvider provider, int maxBatch)
    {
        int usual = provider == ExecutionProvider.Cpu ? 1 : UsualOnGpu;
        int wanted = options.MaxBatchSize > 0 ? options.MaxBatchSize : usual;
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

    /// <summary>Cancels one image, and ends the run where all images are cancelled.</summary>
    /// <remarks>The image is released when the run ends: until then the network may read its input.</remarks>
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

    /// <summary>Called when the run has ended; images may still be cancelled.</summary>
    public void Dispose()
    {
        lock (_abandoned)
        {
            _ended = true;
            _abandoned.Dispose();
        }
    }

    /// <summary>Runs the network once for all images and gives each its output or its error.</summary>
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
            // One image must not fail the others: where a batch fails, for instance for lack of memory, each image runs
            // alone.
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
        if (session.Labels is { } labels && some.All(i => i.LabelsSuffice))
        {
            session = labels;
        }

        if (some.Count == 1)
        {
            return [session.Run(some[0].Input, _abandoned.Token)];
        }

        using InputTensor together = InputTensor.Stack([.. some.Select(i => i.Input)]);
        return session.Run(together, _abandoned.Token).Split();
    }
}
