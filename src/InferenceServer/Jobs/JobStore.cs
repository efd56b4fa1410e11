using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Security.Cryptography;
using System.Threading.Channels;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Diagnostics;
using Microsoft.Extensions.Options;

namespace InferenceServer.Jobs;

/// <summary>The jobs that there are, and the line in which they wait.</summary>
internal sealed class JobStore
{
    private const int IdBytes = 16; // whoever knows it may see the job of a server without keys, so nobody shall guess it
    private static readonly TimeSpan UsualWait = TimeSpan.FromMinutes(1);
    private readonly ConcurrentDictionary<string, Job> _jobs = [];
    private readonly Channel<Job> _line = Channel.CreateUnbounded<Job>();
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
        meter.CreateObservableGauge("seg_jobs_queued", () => Count(JobState.Queued), "{job}", "Jobs that wait to be worked on.");
        meter.CreateObservableGauge("seg_jobs_running", () => Count(JobState.Running), "{job}", "Jobs that are worked on.");
    }

    /// <summary>Jobs to work on, in their order.</summary>
    public ChannelReader<Job> Line => _line.Reader;

    /// <summary>Bytes that jobs may still take.</summary>
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

    /// <summary>Finds the jobs of an earlier run again, and puts those that were not done in line.</summary>
    public void Load()
    {
        foreach (Job job in _folder.Load())
        {
            Add(job);
        }
    }

    /// <summary>Takes a job in; its place is kept before a byte of its upload is read.</summary>
    /// <param name="request">What is asked for.</param>
    /// <param name="bytes">Of its upload, at most.</param>
    /// <param name="receive">Writes its upload to the path that it is given.</param>
    /// <exception cref="SegmentationException">As many are kept as may be.</exception>
    public async Task<Job> AddAsync(JobRequest request, long bytes, Func<string, Task> receive)
    {
        Reserve(bytes);
        try
        {
            string id = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(IdBytes));
            await _folder.AddAsync(id, request, receive);
            Job job = new(new JobStatus { Id = id, State = JobState.Queued, Masks = 0, Failures = 0 }, request, new HashSet<int>(), answerBytes: 0);
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

    /// <summary>Puts a job that cannot begin yet behind the others.</summary>
    public void PutBack(Job job) => _line.Writer.TryWrite(job);

    /// <summary>A job by its name; null if there is none, or none of the caller's.</summary>
    /// <param name="id">Its name.</param>
    /// <param name="caller">Who asks; null where that is not known.</param>
    public Job? Find(string id, string? caller) => _jobs.GetValueOrDefault(id) is { } job && (job.Request.Owner is null || job.Request.Owner == caller) ? job : null;

    /// <summary>Stops a job and forgets it.</summary>
    public void Remove(Job job)
    {
        if (_jobs.TryRemove(job.Status.Id, out _) && !job.Delete())
        {
            _folder.Remove(job.Status.Id);
        }
    }

    /// <summary>Forgets jobs that ended long ago.</summary>
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
            string? full = _jobs.Count + _arriving >= _options.MaxJobs ? $"{_options.MaxJobs:N0} jobs are kept"
                : bytes > Room ? $"The jobs take {_options.MaxBytes - Room:N0} of {_options.MaxBytes:N0} bytes" : null;
            if (full is not null)
            {
                throw new SegmentationException(SegmentationError.Overloaded, full + ", as many as may be; delete some that are done, or try again later.") { RetryAfter = UsualWait };
            }

            _arriving++;
            _arrivingBytes += bytes;
        }
    }

    private void Add(Job job)
    {
        _jobs[job.Status.Id] = job;
        if (job.Status.State == JobState.Queued)
        {
            _line.Writer.TryWrite(job);
        }
    }

    private int Count(JobState state) => _jobs.Values.Count(j => j.Status.State == state);
}
