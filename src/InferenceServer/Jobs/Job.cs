using System.Runtime.CompilerServices;

namespace InferenceServer.Jobs;

/// <summary>A job in memory.</summary>
/// <param name="status">State and progress.</param>
/// <param name="request">The request that made the job.</param>
/// <param name="answered">Indices of the images that are answered already.</param>
/// <param name="answerBytes">Bytes of their lines.</param>
internal sealed class Job(JobStatus status, JobRequest request, IReadOnlySet<int> answered, long answerBytes)
{
    // Proxies close a connection that is idle for long.
    private static readonly TimeSpan KeepAliveInterval = TimeSpan.FromSeconds(15);

    private readonly Lock _lock = new();
    private long _answerBytes = answerBytes;
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private JobStatus _status = status;
    private bool _isDeleted;

    /// <summary>The request that made the job.</summary>
    public JobRequest Request { get; } = request;

    /// <summary>Indices of the images that were answered when the server started.</summary>
    public IReadOnlySet<int> Answered { get; } = answered;

    /// <summary>Bytes of all complete lines. The file may be longer while a line is being written.</summary>
    public long AnswerBytes
    {
        get => Volatile.Read(ref _answerBytes);
        set => Volatile.Write(ref _answerBytes, value);
    }

    /// <summary>Cancelled when the job is deleted.</summary>
    public CancellationToken Deleted => Deletion.Token;

    /// <summary>State and progress; setting it notifies the watchers.</summary>
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
            lock (_lock)
            {
                Change(value);
            }
        }
    }

    // Never disposed: without a timer there is nothing to release.
    private CancellationTokenSource Deletion { get; } = new();

    /// <summary>Marks the job as running.</summary>
    /// <returns>False where the job was deleted.</returns>
    public bool TryStart()
    {
        lock (_lock)
        {
            if (!_isDeleted)
            {
                Change(_status with { State = JobState.Running });
            }

            return !_isDeleted;
        }
    }

    /// <summary>Cancels the job.</summary>
    /// <returns>Whether the job is running; then the worker removes the files, once it no longer writes them.</returns>
    public bool Delete()
    {
        bool isRunning;
        lock (_lock)
        {
            _isDeleted = true;
            isRunning = _status.State == JobState.Running;
        }

        Deletion.Cancel();
        return isRunning;
    }

    /// <summary>Yields the status now, after each change until the end, and again after <see cref="KeepAliveInterval"/>
    /// without a change.</summary>
    public async IAsyncEnumerable<JobStatus> WatchAsync(
        TimeProvider time, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(
            cancellationToken, Deleted);
        while (true)
        {
            (JobStatus now, Task changed) = Look();
            yield return now;
            if (now.State is JobState.Done or JobState.Failed)
            {
                yield break;
            }

            await changed.WaitAsync(KeepAliveInterval, time, either.Token).ConfigureAwait(
                ConfigureAwaitOptions.SuppressThrowing);
            if (either.IsCancellationRequested)
            {
                yield break;
            }
        }
    }

    private void Change(JobStatus status)
    {
        _status = status;
        _changed.SetResult(); // continuations run asynchronously, not under the lock
        _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    private (JobStatus Status, Task Changed) Look()
    {
        lock (_lock)
        {
            return (_status, _changed.Task);
        }
    }
}
