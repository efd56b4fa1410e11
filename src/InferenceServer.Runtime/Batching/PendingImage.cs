using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Scheduling;
using InferenceServer.Runtime.Sessions;

namespace InferenceServer.Runtime.Batching;

/// <summary>One input on its way through the queue and the network. Its scheduler's lock guards every change.</summary>
internal sealed class PendingImage
{
    // Continuations run on the thread pool: a worker thread belongs to its network.
    private readonly TaskCompletionSource<ModelOutput> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public PendingImage(InputTensor input, Priority priority, long enqueued)
    {
        Input = input;
        Priority = priority;
        Enqueued = enqueued;
        Place = new LinkedListNode<PendingImage>(this);
    }

    /// <summary>1×3×H×W; its size is its bucket: only equal sizes share a batch.</summary>
    public InputTensor Input { get; }

    public Priority Priority { get; }

    /// <summary>Time stamps of the scheduler's clock; <see cref="Started"/> is 0 in the queue.</summary>
    public long Enqueued { get; }

    public long Started { get; private set; }

    /// <summary>Its place in a queue; in no list once it was taken out.</summary>
    public LinkedListNode<PendingImage> Place { get; }

    /// <summary>The run it takes part in, once it does.</summary>
    public Batch? Batch { get; private set; }

    /// <summary>The output, which whoever awaits it disposes.</summary>
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
