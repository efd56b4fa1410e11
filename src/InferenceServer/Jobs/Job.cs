using System.Runtime.CompilerServices;

namespace InferenceServer.Jobs;

/// <summary>One job while the server runs.</summary>
internal sealed class Job(JobStatus status, JobRequest request)
{
    private readonly Lock _lock = new();
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private JobStatus _status = status;

    /// <summary>What it was asked for.</summary>
    public JobRequest Request { get; } = request;

    /// <summary>Cancelled when nobody wants it any more.</summary>
    public CancellationTokenSource Cancelled { get; } = new();

    /// <summary>How far it is; whoever watches hears of a change.</summary>
    public JobStatus Status
    {
        get
        {
            lock (_lock)
            {
                return _status;
            }
        }

        set
        {
            TaskCompletionSource changed;
            lock (_lock)
            {
                _status = value;
                (changed, _changed) = (_changed, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
            }

            changed.SetResult();
        }
    }

    /// <summary>How far it is now, and whenever that changes, to its end.</summary>
    public async IAsyncEnumerable<JobStatus> WatchAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, Cancelled.Token);
        while (true)
        {
            (JobStatus now, Task changed) = Look();
            yield return now;
            if (now.State is JobState.Done or JobState.Failed)
            {
                yield break;
            }

            await changed.WaitAsync(either.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (either.IsCancellationRequested)
            {
                yield break;
            }
        }
    }

    private (JobStatus Status, Task Changed) Look()
    {
        lock (_lock)
        {
            return (_status, _changed.Task);
        }
    }
}
