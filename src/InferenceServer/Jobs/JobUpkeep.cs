using System.Text.Json;
using InferenceServer.Runtime.Storage;
using Microsoft.Extensions.Options;

namespace InferenceServer.Jobs;

/// <summary>Looks after jobs: finds those of other servers and of an earlier run, queues work that the queue has lost, and
/// removes what is old.</summary>
internal sealed class JobUpkeep(
    JobRecords records, JobRegistry registry, IWorkQueue queue, IOptions<JobOptions> options, TimeProvider time,
    ILogger<JobUpkeep> logger)
    : BackgroundService
{
    private const string LockFile = "lock";
    private static readonly TimeSpan SharedInterval = TimeSpan.FromSeconds(5), LocalInterval = TimeSpan.FromMinutes(1);

    // An upload is written before its job exists; after this time it is no longer written.
    private static readonly TimeSpan LongestUpload = TimeSpan.FromHours(6);

    // Work that waits is not lost: the queue is asked only for jobs that have not moved for this long.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly JobOptions _options = options.Value;
    private readonly Dictionary<string, (int Answered, long Since)> _progress = [];
    private FileStream? _lock;

    /// <summary>Loads the jobs of an earlier run before the first request can ask for one.</summary>
    /// <param name="cancellationToken">Cancels the start.</param>
    /// <exception cref="OptionsValidationException">The folder cannot be written, or another server has locked
    /// it.</exception>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        if (_options.Path.Length > 0)
        {
            if (_options.Engine == JobEngine.Folder)
            {
                Lock();
            }

            await TryAsync(LoadAsync, cancellationToken);
        }

        await base.StartAsync(cancellationToken);
    }

    public override void Dispose()
    {
        _lock?.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (_options.Path.Length == 0)
        {
            return;
        }

        using PeriodicTimer timer = new(queue.IsShared ? SharedInterval : LocalInterval, time);
        do
        {
            await TryAsync(LookAfterAsync, stoppingToken);
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private void Lock()
    {
        try
        {
            Directory.CreateDirectory(_options.Path);
            _lock = new FileStream(
                Path.Combine(_options.Path, LockFile), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OptionsValidationException(
                "Jobs", typeof(JobOptions),
                [
                    $"Jobs:Path: expected a folder that this server may write and no other server uses, got '{_options.Path}'. "
                    + $"Several servers need Jobs:Engine=Nats. {e.Message}",
                ]);
        }
    }

    private async Task LoadAsync(CancellationToken cancellationToken)
    {
        await registry.DiscoverAsync(cancellationToken);
        foreach (Job job in registry.Known.Where(job => job.IsEnded && job.Stored.Request.Notify is not null).ToArray())
        {
            if (!await records.IsNotedAsync(job.Id, cancellationToken))
            {
                await queue.AddAsync(new WorkItem(job.Id, WorkKind.Finish), cancellationToken);
            }
        }

        if (!queue.IsShared)
        {
            foreach (Job job in registry.Active.OrderBy(job => job.Stored.Created))
            {
                await registry.EnqueueAsync(job, isFound: true, cancellationToken);
            }
        }
    }

    private async Task LookAfterAsync(CancellationToken cancellationToken)
    {
        if (queue.IsShared)
        {
            await registry.DiscoverAsync(cancellationToken);
            foreach (Job job in registry.Active.ToArray())
            {
                await registry.RefreshAsync(job, cancellationToken);
                await RequeueAsync(job, cancellationToken);
            }

            foreach (string ended in _progress.Keys.Except(registry.Active.Select(job => job.Id)).ToArray())
            {
                _progress.Remove(ended);
            }
        }

        DateTimeOffset oldest = time.GetUtcNow() - _options.KeepFor;
        foreach (Job job in registry.Known.Where(job => job.Status.Ended < oldest).ToArray())
        {
            await registry.RemoveAsync(job, cancellationToken);
        }

        await SweepAsync(cancellationToken);
    }

    // The queue may have lost work with its disk, and may keep work that was acknowledged: it is asked, and not believed for
    // long.
    private async Task RequeueAsync(Job job, CancellationToken cancellationToken)
    {
        (int done, int failed) = job.Progress?.Count ?? (0, 0);
        long now = time.GetTimestamp();
        bool isKnown = _progress.TryGetValue(job.Id, out (int Answered, long Since) last);
        if (job.IsEnded || !isKnown || last.Answered != done + failed)
        {
            _progress[job.Id] = (done + failed, now);
            return;
        }

        if (time.GetElapsedTime(last.Since, now) < Patience)
        {
            return;
        }

        int expected = job.Progress is { IsComplete: false } progress ? progress.Heads().Count : 1;
        if (await queue.CountAsync(job.Id, cancellationToken) < expected)
        {
            Log.WorkFound(logger, job.Id);
            await registry.EnqueueAsync(job, isFound: true, cancellationToken);
        }

        _progress[job.Id] = (done + failed, now);
    }

    // Records without a job: an upload that broke off, or what a worker wrote after the job was removed.
    private async Task SweepAsync(CancellationToken cancellationToken)
    {
        await foreach (string id in records.IdsAsync(cancellationToken))
        {
            bool isOld = !registry.Knows(id)
                && time.GetUtcNow() - await records.TouchedAsync(id, cancellationToken) > LongestUpload;
            if (isOld && await records.FindAsync(id, cancellationToken) is null)
            {
                await records.RemoveAsync(id, cancellationToken);
            }
        }
    }

    private async Task TryAsync(Func<CancellationToken, Task> work, CancellationToken cancellationToken)
    {
        try
        {
            await work(cancellationToken);
            registry.StoreAnswered();
        }
        catch (Exception e) when (e is IOException or JsonException)
        {
            registry.StoreFailed(e);
        }
    }
}
