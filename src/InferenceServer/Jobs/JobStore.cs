using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Security.Cryptography;
using System.Threading.Channels;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Diagnostics;
using Microsoft.Extensions.Options;

namespace InferenceServer.Jobs;

/// <summary>All jobs, and the queue of those that wait.</summary>
internal sealed class JobStore
{
    // Without keys, everybody who knows the ID may see the job, so it must not be guessed.
    private const int IdBytes = 16;
    private static readonly TimeSpan UsualWait = TimeSpan.FromMinutes(1);
    private readonly ConcurrentDictionary<string, Job> _jobs = [];
    private readonly Channel<Job> _queue = Channel.CreateUnbounded<Job>();
    private readonly Lock _lock = new();
    private readonly JobFolder _folder;
    private readonly JobOptions _options;
    private readonly TimeProvider _time;
    private int _arriving;
    private long _arrivingBytes;

    public JobStore(JobFolder folder, IOptions<JobOptions> options, IMeterFactory meters, TimeProvider time)
    {
        (_folder, _options, _time) = (folder, options.Value, time);
        Meter meter = meters.Create(SegmentationMetrics.MeterName);
        meter.CreateObservableGauge(
            "seg_jobs_queued", () => Count(JobState.Queued), "{job}", "Jobs that wait to be worked on.");
        meter.CreateObservableGauge(
            "seg_jobs_running", () => Count(JobState.Running), "{job}", "Jobs that are worked on.");
    }

    /// <summary>Jobs that wait, in their order.</summary>
    public ChannelReader<Job> Queue => _queue.Reader;

    /// <summary>Bytes that jobs may still use.</summary>
    public long Room
    {
        get
        {
            lock (_lock)
            {
                return _options.MaxBytes - _arrivingBytes - _jobs.Keys.Sum(_folder.Bytes);
            }
        }
    }

    /// <summary>Loads the jobs of an earlier run, and queues those that were not finished.</summary>
    public void Load()
    {
        foreach (Job job in _folder.Load())
        {
            Add(job);
        }
    }

    /// <summary>Adds a job. Its room is reserved before the upload is read.</summary>
    /// <param name="request">The request that makes the job.</param>
    /// <param name="bytes">Most bytes of the upload.</param>
    /// <param name="receive">Writes the upload to the given path.</param>
    /// <exception cref="SegmentationException">There is no room for another job.</exception>
    public async Task<Job> AddAsync(JobRequest request, long bytes, Func<string, Task> receive)
    {
        Reserve(bytes);
        try
        {
            string id = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(IdBytes));
            await _folder.AddAsync(id, request, receive);
            Job job = new(
                new JobStatus { Id = id, State = JobState.Queued, Masks = 0, Failures = 0 }, request,
                new HashSet<int>(), answerBytes: 0);
            Add(job);
            return job;
        }
        finally
        {
            lock (_lock)
            {
                _arriving--;
                _arrivingBytes -= bytes;
            }
        }
    }

    /// <summary>Queues a job that cannot start yet behind the others.</summary>
    public void PutBack(Job job) => _queue.Writer.TryWrite(job);

    /// <summary>Finds a job that the caller may see; null where there is none.</summary>
    /// <param name="id">The job's ID.</param>
    /// <param name="caller">The caller's ID; null without a key or token.</param>
    public Job? Find(string id, string? caller)
    {
        Job? job = _jobs.GetValueOrDefault(id);
        if (job?.Request.Owner is null || job.Request.Owner == caller)
        {
            return job;
        }

        return null;
    }

    /// <summary>Cancels a job and removes it with its files.</summary>
    public void Remove(Job job)
    {
        if (_jobs.TryRemove(job.Status.Id, out _) && !job.Delete())
        {
            _folder.Remove(job.Status.Id);
        }
    }

    /// <summary>Removes jobs that ended longer ago than <see cref="JobOptions.KeepFor"/>.</summary>
    public void Expire()
    {
        foreach (Job job in _jobs.Values.Where(j => _time.GetUtcNow() - j.Status.Ended > _options.KeepFor))
        {
            Remove(job);
        }
    }

    private void Reserve(long bytes)
    {
        lock (_lock)
        {
            if (_jobs.Count + _arriving >= _options.MaxJobs)
            {
                throw Full($"expected at most {_options.MaxJobs:N0} jobs (Jobs:MaxJobs), all of which exist");
            }

            if (bytes > Room)
            {
                throw Full(
                    $"expected at most {_options.MaxBytes:N0} bytes of jobs (Jobs:MaxBytes), "
                    + $"{_options.MaxBytes - Room:N0} of which are used");
            }

            _arriving++;
            _arrivingBytes += bytes;
        }
    }

    private static SegmentationException Full(string reason) => new(
        SegmentationError.Overloaded,
        $"No room for another job: {reason}. Delete finished jobs, or retry after the time in Retry-After.")
    {
        RetryAfter = UsualWait,
    };

    private void Add(Job job)
    {
        _jobs[job.Status.Id] = job;
        if (job.Status.State == JobState.Queued)
        {
            _queue.Writer.TryWrite(job);
        }
    }

    private int Count(JobState state) => _jobs.Values.Count(j => j.Status.State == state);
}
