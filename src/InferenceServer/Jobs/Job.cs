using System.Runtime.CompilerServices;

namespace InferenceServer.Jobs;

/// <summary>One job while the server runs.</summary>
/// <param name="status">How far it is.</param>
/// <param name="request">What it was asked for.</param>
/// <param name="answered">Images that have an answer already.</param>
/// <param name="answerBytes">Bytes of their lines.</param>
internal sealed class Job(JobStatus status, JobRequest request, IReadOnlySet<int> answered, long answerBytes)
{
    // What stands between a watcher and this server, and sees nothing for long, takes the connection for dead.
    private static readonly TimeSpan LongestSilence = TimeSpan.FromSeconds(15);

    private readonly Lock _lock = new();
    private long _answerBytes = answerBytes;
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private JobStatus _status = status;
    private bool _isDeleted;

    /// <summary>What it was asked for.</summary>
    public JobRequest Request { get; } = request;

    /// <summary>Images that had an answer when the server started.</summary>
    public IReadOnlySet<int> Answered { get; } = answered;

    /// <summary>Bytes of all lines that are whole: behind them, the next one may be on its way.</summary>
    public long AnswerBytes
    {
        get => Volatile.Read(ref _answerBytes);
        set => Volatile.Write(ref _answerBytes, value);
    }

    /// <summary>Cancelled when nobody wants it any more.</summary>
    public CancellationToken Deleted => Deletion.Token;

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
            lock (_lock)
            {
                Change(value);
            }
        }
    }

    // Without a timer there is nothing to dispose.
    private CancellationTokenSource Deletion { get; } = new();

    /// <summary>Begins to work on it.</summary>
    /// <returns>Whether anybody still wants it.</returns>
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

    /// <summary>Nobody wants it any more.</summary>
    /// <returns>Whether it is worked on: whoever does that removes its files, once they are no longer written.</returns>
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

    /// <summary>How far it is now, and whenever that changes, to its end; now and then also what was told before.</summary>
    public async IAsyncEnumerable<JobStatus> WatchAsync(TimeProvider time, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, Deleted);
        while (true)
        {
            (JobStatus now, Task changed) = Look();
            yield return now;
            if (now.State is JobState.Done or JobState.Failed)
            {
                yield break;
            }

            await changed.WaitAsync(LongestSilence, time, either.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (either.IsCancellationRequested)
            {
                yield break;
            }
        }
    }

    private void Change(JobStatus status)
    {
        _status = status;
        _changed.SetResult(); // whoever waits goes on elsewhere
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
