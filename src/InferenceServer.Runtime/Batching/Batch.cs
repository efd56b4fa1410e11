using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Sessions;

namespace InferenceServer.Runtime.Batching;

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
