using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Sessions;

namespace InferenceServer.Runtime.Batching;

/// <summary>The images that wait for one model: two classes, in each the client first whose images had the fewest pixels. Not
/// thread-safe.</summary>
internal sealed class PendingQueue(BatchLimits limits)
{
    /// <summary>Of so many picks one goes to the batch class when both wait, so that it is slow but never
    /// starves.</summary>
    private const int BatchTurn = 8;

    private readonly FairQueue<PendingImage> _interactive = new();
    private readonly FairQueue<PendingImage> _batch = new();
    private int _picks;
    private long _interactivePixels;
    private long _batchPixels;

    /// <summary>Images that wait.</summary>
    public int Count => _interactive.Count + _batch.Count;

    /// <summary>The images of one class that wait, and their input pixels, padding included.</summary>
    public (int Images, long Pixels) Of(Priority priority)
    {
        if (priority == Priority.Interactive)
        {
            return (_interactive.Count, _interactivePixels);
        }

        return (_batch.Count, _batchPixels);
    }

    public void Add(PendingImage image)
    {
        image.Place = List(image).Add(image.Client, image);
        CountPixels(image, image.Input.Size.Pixels);
    }

    /// <summary>Removes an image from the queue, in constant time.</summary>
    /// <returns>Whether the image was still in the queue.</returns>
    public bool Remove(PendingImage image)
    {
        if (!List(image).Remove(image.Place))
        {
            return false;
        }

        CountPixels(image, -image.Input.Size.Pixels);
        return true;
    }

    /// <summary>The next image.</summary>
    public PendingImage? Peek()
    {
        _ = (_interactive.Count == 0 || (_batch.Count > 0 && _picks >= BatchTurn - 1) ? _batch : _interactive).TryPeek(
            out PendingImage? image);
        return image;
    }

    /// <summary>Whether the next batch has room for an image that is still being prepared.</summary>
    public bool HasRoom(PendingImage first) => limits.Images > 1 && Companions(first).Count() < Most(first);

    /// <summary>Removes the next image and those that can share its run, interactive images first.</summary>
    public IReadOnlyList<PendingImage> Take()
    {
        PendingImage first = Peek() ?? throw new InvalidOperationException("Nothing waits.");
        _picks = first.Priority == Priority.Interactive && _batch.Count > 0 ? _picks + 1 : 0;
        PendingImage[] images = limits.Images == 1 ? [first] : [.. Companions(first).Take(Most(first))];
        foreach (PendingImage image in images)
        {
            List(image).Charge(image.Client, image.Input.Size.Pixels);
            Remove(image);
        }

        return images;
    }

    // The queue is as short as admission keeps it, so a scan costs less than a list for each size would.
    private IEnumerable<PendingImage> Companions(PendingImage first) => _interactive.Items.Concat(_batch.Items)
        .Where(i => i != first && i.Input.Size == first.Input.Size && i.Input.Layout == first.Input.Layout)
        .Prepend(first);

    private int Most(PendingImage first) => (int)Math.Clamp(limits.Pixels / first.Input.Size.Pixels, 1, limits.Images);

    private void CountPixels(PendingImage image, long pixels)
    {
        if (image.Priority == Priority.Interactive)
        {
            _interactivePixels += pixels;
        }
        else
        {
            _batchPixels += pixels;
        }
    }

    private FairQueue<PendingImage> List(PendingImage image)
    {
        if (image.Priority == Priority.Interactive)
        {
            return _interactive;
        }

        return _batch;
    }
}

/// <summary>An input in the queue or in the network. The scheduler's lock guards every change.</summary>
internal sealed class PendingImage
{
    // Continuations run on the thread pool: a worker thread belongs to its network.
    private readonly TaskCompletionSource<ModelOutput> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public PendingImage(InputTensor input, in RunContext context, long enqueued) =>
        (Input, Priority, Client, LabelsSuffice, Enqueued) =
            (input, context.Priority, context.Client, context.LabelsSuffice, enqueued);

    /// <summary>1×3×H×W; its size is its bucket: only equal sizes share a batch.</summary>
    public InputTensor Input { get; }

    public Priority Priority { get; }

    public Client? Client { get; }

    /// <summary>Whether labels do in place of scores.</summary>
    public bool LabelsSuffice { get; }

    /// <summary>Time stamps of the scheduler's clock; <see cref="Started"/> is 0 in the queue.</summary>
    public long Enqueued { get; }

    public long Started { get; private set; }

    /// <summary>Its place in a queue; in no list once it was taken out.</summary>
    public FairQueue<PendingImage>.Place Place { get; set; }

    /// <summary>The run it takes part in, once it does.</summary>
    public Batch? Batch { get; private set; }

    /// <summary>The output; the caller that awaits it disposes it.</summary>
    public Task<ModelOutput> Completion => _completion.Task;

    public void Start(Batch batch, long now)
    {
        Batch = batch;
        Started = now;
    }

    public void Complete(ModelOutput output)
    {
        if (!_completion.TrySetResult(output))
        {
            output.Dispose();
        }
    }

    public void Cancel() => _completion.TrySetCanceled();

    public void Fail(Exception exception) => _completion.TrySetException(exception);
}

/// <summary>The request of an input; all inputs of a request have the same context.</summary>
/// <param name="Priority">The request's class.</param>
/// <param name="Timings">Gets the time in the queue and in the network.</param>
/// <param name="Client">Who sent the request; null is this process.</param>
/// <param name="LabelsSuffice">Whether labels do in place of scores; the output may be either then.</param>
internal readonly record struct RunContext(
    Priority Priority, StageTimings Timings, Client? Client = null, bool LabelsSuffice = false);
