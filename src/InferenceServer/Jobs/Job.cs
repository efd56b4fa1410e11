using System.Runtime.CompilerServices;

namespace InferenceServer.Jobs;

/// <summary>A job in memory, as far as this server knows it.</summary>
internal sealed class Job(string id, StoredJob stored, TimeProvider time)
{
    private readonly Lock _lock = new();
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private JobStatus? _end;
    private bool _isStarted;
    private long? _fullSince; // guarded by _lock

    /// <summary>The job's ID.</summary>
    public string Id { get; } = id;

    /// <summary>The request that made the job.</summary>
    public StoredJob Stored { get; } = stored;

    /// <summary>Finished chunks; null until the sources are listed.</summary>
    public JobProgress? Progress { get; private set; }

    /// <summary>Cancelled when the job is deleted.</summary>
    public CancellationToken Deleted => Deletion.Token;

    /// <summary>Whether the job has ended.</summary>
    public bool IsEnded => Volatile.Read(ref _end) is not null;

    /// <summary>State and progress.</summary>
    public JobStatus Status
    {
        get
        {
            if (Volatile.Read(ref _end) is { } end)
            {
                return end;
            }

            (int done, int failed) = Progress?.Count ?? (0, 0);
            double? rate = Progress?.Rate();
            int left = (Progress?.Plan.Total ?? 0) - done - failed;
            bool runs = done + failed > 0 || Volatile.Read(ref _isStarted);
            return new JobStatus
            {
                Id = Id,
                State = runs ? JobState.Running : JobState.Queued,
                Model = Stored.Request.Model,
                Total = Progress?.Plan.Total,
                Done = done,
                Failed = failed,
                Rate = rate is { } known ? Math.Round(known, 2) : null,
                Eta = time.GetUtcNow() + (left / rate is { } seconds ? TimeSpan.FromSeconds(Math.Ceiling(seconds)) : null),
                Created = Stored.Created,
            };
        }
    }

    // Never disposed: without a timer there is nothing to release.
    private CancellationTokenSource Deletion { get; } = new();

    /// <summary>Completes at the next change of the status.</summary>
    public Task Changed
    {
        get
        {
            lock (_lock)
            {
                return _changed.Task;
            }
        }
    }

    /// <summary>Sets the plan; a second call does nothing.</summary>
    public void Planned(JobPlan plan)
    {
        lock (_lock)
        {
            Progress ??= new JobProgress(plan, time);
        }

        Announce();
    }

    /// <summary>Notes that this server works on the job.</summary>
    public void Started()
    {
        Volatile.Write(ref _isStarted, true);
        Announce();
    }

    /// <summary>Notes that a volume was too full for what the job has to write.</summary>
    /// <returns>For how long that has been so.</returns>
    public TimeSpan VolumeFull()
    {
        lock (_lock)
        {
            _fullSince ??= time.GetTimestamp();
            return time.GetElapsedTime(_fullSince.Value);
        }
    }

    /// <summary>Adds a finished chunk.</summary>
    public void Finished(FinishedChunk chunk)
    {
        if (Progress!.Add(chunk))
        {
            lock (_lock)
            {
                _fullSince = null;
            }

            Announce();
        }
    }

    /// <summary>Sets the final status.</summary>
    public void Ended(JobStatus end)
    {
        Volatile.Write(ref _end, end);
        Announce();
    }

    /// <summary>Cancels all work on the job.</summary>
    public void Delete()
    {
        Deletion.Cancel();
        Announce();
    }

    /// <summary>Yields the status now and after each change, until the end.</summary>
    /// <param name="look">Asks the store for changes that other servers made.</param>
    /// <param name="interval">Time without a change before the status is yielded again: proxies close a connection that is
    /// idle for long. The store is asked as often.</param>
    /// <param name="cancellationToken">Ends the watch.</param>
    public async IAsyncEnumerable<JobStatus> WatchAsync(
        Func<Task> look, TimeSpan interval, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, Deleted);
        while (!either.IsCancellationRequested)
        {
            Task changed = Changed; // read before the status, so that no change is missed
            JobStatus now = Status;
            yield return now;
            if (now.Ended is not null)
            {
                yield break;
            }

            await changed.WaitAsync(interval, time, either.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (!either.IsCancellationRequested && !changed.IsCompleted)
            {
                await look();
            }
        }
    }

    private void Announce()
    {
        TaskCompletionSource changed;
        lock (_lock)
        {
            changed = _changed;
            _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        changed.SetResult();
    }
}
