using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Threading.Channels;
using InferenceServer.Bulk;
using InferenceServer.Runtime;
using Microsoft.Extensions.Options;

namespace InferenceServer.Jobs;

/// <summary>The jobs that there are, and the line in which they wait.</summary>
internal sealed class JobStore(JobFolder folder, IOptions<JobOptions> options, TimeProvider time)
{
    private const int IdBytes = 16; // whoever knows it may see the job, so nobody shall guess it
    private readonly ConcurrentDictionary<string, Job> _jobs = [];
    private readonly Channel<Job> _line = Channel.CreateUnbounded<Job>();

    /// <summary>Jobs to work on, in their order.</summary>
    public ChannelReader<Job> Line => _line.Reader;

    /// <summary>Finds the jobs of an earlier run again, and puts those that were not done in line.</summary>
    public void Load()
    {
        foreach (Job job in folder.Load())
        {
            Add(job);
        }
    }

    /// <summary>Takes a job in.</summary>
    /// <exception cref="SegmentationException">As many are kept as may be.</exception>
    public async Task<Job> AddAsync(JobRequest request, Upload upload, CancellationToken cancellationToken)
    {
        Expire();
        if (_jobs.Count >= options.Value.MaxJobs)
        {
            throw new SegmentationException(SegmentationError.Overloaded, $"{_jobs.Count:N0} jobs are kept, as many as may be; delete some that are done.") { RetryAfter = TimeSpan.FromMinutes(1) };
        }

        string id = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(IdBytes));
        await folder.AddAsync(id, request, upload.Body, cancellationToken);
        Job job = new(new JobStatus { Id = id, State = JobState.Queued, Masks = 0, Failures = 0 }, request);
        Add(job);
        return job;
    }

    /// <summary>A job by its name; null if there is none.</summary>
    public Job? Find(string id) => _jobs.GetValueOrDefault(id);

    /// <summary>Stops a job and forgets it.</summary>
    /// <returns>Whether there was one.</returns>
    public bool Remove(string id)
    {
        if (!_jobs.TryRemove(id, out Job? job))
        {
            return false;
        }

        job.Cancelled.Cancel();
        // A job that is worked on is removed by whoever works on it.
        if (job.Status.State != JobState.Running)
        {
            folder.Remove(id);
        }

        return true;
    }

    /// <summary>Forgets jobs that have been done for long.</summary>
    public void Expire()
    {
        foreach ((string id, Job job) in _jobs.ToArray())
        {
            if (job.Status.State is JobState.Done or JobState.Failed && time.GetUtcNow() - folder.EndedAt(id) > options.Value.KeepFor)
            {
                Remove(id);
            }
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
}
