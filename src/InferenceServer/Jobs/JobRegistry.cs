using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Text.Json;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Storage;
using Microsoft.Extensions.Options;

namespace InferenceServer.Jobs;

/// <summary>All jobs that this server knows: a cache of <see cref="JobRecords"/>, which answers while the store is
/// away.</summary>
internal sealed class JobRegistry
{
    /// <summary>Why a job fails whose records cannot be read.</summary>
    public const string DamagedRecords = "The job's records are damaged.";

    // A client that asks every second must not list the store as often, and must have an answer where the store hangs.
    private static readonly TimeSpan LongestLook = TimeSpan.FromSeconds(2);

    private readonly ConcurrentDictionary<string, Job> _jobs = [];
    private readonly ConcurrentDictionary<string, Task> _looks = [];
    private readonly ConcurrentDictionary<string, bool> _damaged = [];
    private readonly JobRecords _records;
    private readonly IWorkQueue _queue;
    private readonly JobRoom _room;
    private readonly TimeProvider _time;
    private readonly ILogger<JobRegistry> _logger;
    private int _isAway;

    public JobRegistry(
        JobRecords records, IWorkQueue queue, IOptions<JobOptions> options, IOptions<SchedulingOptions> scheduling,
        IMeterFactory meters, TimeProvider time, ILogger<JobRegistry> logger)
    {
        (_records, _queue, _time, _logger) = (records, queue, time, logger);
        _room = new JobRoom(options.Value, scheduling.Value.ClientShare);
        Meter meter = meters.Create(SegmentationMetrics.MeterName);
        meter.CreateObservableGauge(
            "seg_jobs_queued", () => Count(JobState.Queued), "{job}", "Jobs that wait to be worked on.");
        meter.CreateObservableGauge(
            "seg_jobs_running", () => Count(JobState.Running), "{job}", "Jobs that are worked on.");
        meter.CreateObservableGauge(
            "seg_jobs_images_waiting", Waiting, "{image}", "Images of jobs without an answer.");
    }

    /// <summary>Jobs that have not ended.</summary>
    public IEnumerable<Job> Active => _jobs.Values.Where(job => !job.IsEnded);

    /// <summary>All known jobs.</summary>
    public IEnumerable<Job> Known => _jobs.Values;

    /// <summary>Whether records with this ID are a job's, or damaged ones that an operator may want to see.</summary>
    public bool Knows(string id) => _jobs.ContainsKey(id) || _damaged.ContainsKey(id);

    /// <summary>Bytes that a job may still use.</summary>
    public long Room(Job job) => _room.Left(job.Stored.Client, _jobs.Values);

    /// <summary>Adds a job. Its place is reserved before its images are stored, and their room while they arrive.</summary>
    /// <param name="job">The job.</param>
    /// <param name="announced">Bytes of its upload as announced; 0 where nothing was.</param>
    /// <param name="fillAsync">Stores uploaded images of the job with this ID, and tells how many bytes have arrived;
    /// returns their plan and bytes, or null where the job's sources are to be listed.</param>
    /// <param name="cancellationToken">Cancels the addition.</param>
    /// <exception cref="SegmentationException">There is no room for another job.</exception>
    public async Task<Job> AddAsync(
        StoredJob job, long announced, Func<string, Action<long>, Task<(JobPlan Plan, long Bytes)?>> fillAsync,
        CancellationToken cancellationToken)
    {
        using JobRoom.Reservation reserved = _room.Reserve(job.Client, announced, () => _jobs.Values);
        string id = JobRecords.NewId();
        try
        {
            (JobPlan Plan, long Bytes)? filled = await fillAsync(id, reserved.Hold);
            Job made = new(id, job with { Bytes = filled?.Bytes ?? 0 }, _time);
            if (filled is { } uploaded)
            {
                await _records.AddPlanAsync(id, uploaded.Plan, cancellationToken);
                made.Planned(uploaded.Plan);
            }

            await _records.AddAsync(id, made.Stored, cancellationToken);
            _jobs[id] = made;
            await EnqueueAsync(made, isFound: false, cancellationToken);
            return made;
        }
        catch
        {
            if (!_jobs.ContainsKey(id))
            {
                await TryRemoveAsync(id);
            }

            throw;
        }
    }

    /// <summary>Adds the work that a job needs next; work that the queue has is not added again. Where the queue is away,
    /// upkeep adds the work later.</summary>
    public async Task EnqueueAsync(Job job, bool isFound, CancellationToken cancellationToken)
    {
        IEnumerable<WorkItem> work = job.Progress switch
        {
            null => [new WorkItem(job.Id, WorkKind.Plan)],
            { IsComplete: true } => [new WorkItem(job.Id, WorkKind.Finish)],
            { } progress => progress.Heads().Select(chunk => new WorkItem(job.Id, WorkKind.Chunk, chunk)),
        };
        try
        {
            foreach (WorkItem item in work)
            {
                await _queue.AddAsync(item with { IsFound = isFound }, cancellationToken);
            }
        }
        catch (IOException e)
        {
            Log.WorkNotQueued(_logger, job.Id, e.Message);
        }
    }

    /// <summary>Finds a job, here or in the store.</summary>
    /// <returns>Null where there is no such job.</returns>
    /// <exception cref="StorageException">The job is not known here, and the store is away.</exception>
    public async Task<Job?> FindAsync(string id, CancellationToken cancellationToken)
    {
        if (_jobs.TryGetValue(id, out Job? known))
        {
            return known;
        }

        if (!JobRecords.IsId(id) || await ReadAsync(id, cancellationToken) is not { } stored)
        {
            return null;
        }

        Job job = _jobs.GetOrAdd(id, _ => new Job(id, stored, _time));
        await LookAsync(job, cancellationToken);
        return job;
    }

    /// <summary>Finds a job that the caller may see; null where there is none.</summary>
    /// <param name="id">The job's ID.</param>
    /// <param name="caller">The caller's ID; null without a key or token.</param>
    /// <param name="cancellationToken">Cancels the search.</param>
    public async Task<Job?> FindAsync(string id, string? caller, CancellationToken cancellationToken)
    {
        Job? job = await FindAsync(id, cancellationToken);
        return job is null || !IsFor(job, caller) ? null : job;
    }

    /// <summary>The jobs that a caller may see, the newest first.</summary>
    public async Task<IReadOnlyList<Job>> ListAsync(string? caller, CancellationToken cancellationToken)
    {
        await BoundedAsync("", () => DiscoverAsync(CancellationToken.None), cancellationToken);
        return [.. _jobs.Values.Where(job => IsFor(job, caller)).OrderByDescending(job => job.Stored.Created)];
    }

    /// <summary>Asks the store how far a job is. Where the store does not answer soon, what is known stays.</summary>
    public Task LookAsync(Job job, CancellationToken cancellationToken)
    {
        if (job.IsEnded)
        {
            return Task.CompletedTask;
        }

        return BoundedAsync(job.Id, () => RefreshAsync(job, CancellationToken.None), cancellationToken);
    }

    /// <summary>Reads a job's plan, progress and end from the store. A job whose records are damaged has failed.</summary>
    /// <exception cref="StorageException">The store is away.</exception>
    public async Task RefreshAsync(Job job, CancellationToken cancellationToken)
    {
        try
        {
            await ReadProgressAsync(job, cancellationToken);
        }
        catch (JsonException e)
        {
            if (_damaged.TryAdd(job.Id, true))
            {
                Log.JobUnreadable(_logger, e, job.Id);
            }

            job.Ended(job.Status with
            {
                State = JobState.Failed, Reason = DamagedRecords, Rate = null, Eta = null, Ended = _time.GetUtcNow(),
            });
        }
    }

    private async Task ReadProgressAsync(Job job, CancellationToken cancellationToken)
    {
        if (job.Progress is null)
        {
            if (await _records.PlanAsync(job.Id, cancellationToken) is not { } plan)
            {
                await ReadEndAsync(job, cancellationToken);
                return;
            }

            job.Planned(plan);
        }

        JobProgress progress = job.Progress!;
        for (int group = 0; group < progress.GroupCount; group++)
        {
            if (progress.HasGroup(group))
            {
                continue;
            }

            IReadOnlyList<FinishedChunk> finished = await _records.FinishedAsync(job.Id, group, cancellationToken);
            foreach (FinishedChunk chunk in finished.Where(chunk => chunk.Number < progress.Plan.Chunks))
            {
                job.Finished(chunk);
            }

            // Each chain of chunks goes through all groups, so that an empty group has only empty ones behind it.
            if (finished.Count == 0)
            {
                break;
            }
        }

        await ReadEndAsync(job, cancellationToken);
    }

    /// <summary>Finds the jobs of other servers, and forgets those that were deleted.</summary>
    /// <exception cref="StorageException">The store is away.</exception>
    public async Task DiscoverAsync(CancellationToken cancellationToken)
    {
        HashSet<string> stored = [];
        await foreach (string id in _records.IdsAsync(cancellationToken))
        {
            stored.Add(id);
            if (!_jobs.ContainsKey(id) && await ReadAsync(id, cancellationToken) is { } found)
            {
                Job job = _jobs.GetOrAdd(id, _ => new Job(id, found, _time));
                await RefreshAsync(job, cancellationToken);
            }
        }

        foreach (Job job in _jobs.Values.Where(job => !stored.Contains(job.Id)).ToArray())
        {
            // It may have been made after the list was read.
            if (await ReadAsync(job.Id, cancellationToken) is null)
            {
                Forget(job);
            }
        }
    }

    /// <summary>Cancels a job and removes its records. Masks that it has written to its target stay.</summary>
    /// <exception cref="StorageException">The store is away; the job is found there again.</exception>
    public async Task RemoveAsync(Job job, CancellationToken cancellationToken)
    {
        Forget(job);
        await _records.RemoveAsync(job.Id, cancellationToken);
    }

    /// <summary>Notes a failure of the store; the first one is logged.</summary>
    public void StoreFailed(Exception e)
    {
        if (Interlocked.Exchange(ref _isAway, 1) == 0)
        {
            Log.StoreAway(_logger, e.Message);
        }
    }

    /// <summary>Notes that the store answers; the first answer after a failure is logged.</summary>
    public void StoreAnswered()
    {
        if (Interlocked.Exchange(ref _isAway, 0) == 1)
        {
            Log.StoreBack(_logger);
        }
    }

    private static bool IsFor(Job job, string? caller) => job.Stored.Owner is null || job.Stored.Owner == caller;

    private void Forget(Job job)
    {
        _jobs.TryRemove(job.Id, out _);
        job.Delete();
    }

    // A damaged record is logged once and skipped.
    private async Task<StoredJob?> ReadAsync(string id, CancellationToken cancellationToken)
    {
        if (_damaged.ContainsKey(id))
        {
            return null;
        }

        try
        {
            return await _records.FindAsync(id, cancellationToken);
        }
        catch (JsonException e)
        {
            _damaged[id] = true;
            Log.JobUnreadable(_logger, e, id);
            return null;
        }
    }

    private async Task ReadEndAsync(Job job, CancellationToken cancellationToken)
    {
        if (await _records.EndedAsync(job.Id, cancellationToken) is { } end)
        {
            job.Ended(end);
        }
    }

    // At most one look at a time; a caller that comes meanwhile waits for the same look.
    private async Task BoundedAsync(string key, Func<Task> look, CancellationToken cancellationToken)
    {
        Task running = _looks.GetOrAdd(key, _ => RunAsync());
        await running.WaitAsync(LongestLook, _time, cancellationToken).ConfigureAwait(
            ConfigureAwaitOptions.SuppressThrowing);
        cancellationToken.ThrowIfCancellationRequested();

        async Task RunAsync()
        {
            await Task.Yield();
            try
            {
                await look();
                StoreAnswered();
            }
            catch (Exception e) when (e is IOException or JsonException)
            {
                StoreFailed(e);
            }
            finally
            {
                _looks.TryRemove(key, out _);
            }
        }
    }

    private async Task TryRemoveAsync(string id)
    {
        try
        {
            await _records.RemoveAsync(id, CancellationToken.None);
        }
        catch (IOException e)
        {
            Log.JobNotRemoved(_logger, e, id);
        }
    }

    private int Count(JobState state) => _jobs.Values.Count(job => job.Status.State == state);

    private long Waiting() => Active.Sum(job =>
    {
        JobStatus status = job.Status;
        return (long)((status.Total ?? 0) - status.Done - status.Failed);
    });
}
