using InferenceServer.Runtime;

namespace InferenceServer.Jobs;

/// <summary>The limits on the number and the bytes of jobs. Thread-safe.</summary>
internal sealed class JobRoom(JobOptions options)
{
    private static readonly TimeSpan UsualWait = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private int _arriving;
    private long _arrivingBytes;

    /// <summary>Bytes that jobs may still use.</summary>
    /// <param name="known">All jobs.</param>
    public long Left(IEnumerable<Job> known)
    {
        lock (_lock)
        {
            return options.MaxBytes - _arrivingBytes - known.Sum(Bytes);
        }
    }

    /// <summary>Reserves room for a job that arrives.</summary>
    /// <param name="bytes">Most bytes of its upload.</param>
    /// <param name="known">All jobs.</param>
    /// <returns>Gives the room back; by then the job is known or was refused.</returns>
    /// <exception cref="SegmentationException">There is no room.</exception>
    public IDisposable Reserve(long bytes, ICollection<Job> known)
    {
        lock (_lock)
        {
            if (known.Count + _arriving >= options.MaxJobs)
            {
                throw Full($"expected at most {options.MaxJobs:N0} jobs (Jobs:MaxJobs), all of which exist");
            }

            long used = _arrivingBytes + known.Sum(Bytes);
            if (bytes > options.MaxBytes - used)
            {
                throw Full(
                    $"expected at most {options.MaxBytes:N0} bytes of jobs (Jobs:MaxBytes), {used:N0} of which are used");
            }

            _arriving++;
            _arrivingBytes += bytes;
        }

        return new Reservation(this, bytes);
    }

    // Uploaded images are removed at a job's end.
    private static long Bytes(Job job)
    {
        long answers = job.Progress?.Bytes ?? 0;
        return job.IsEnded ? answers : answers + job.Stored.Bytes;
    }

    private static SegmentationException Full(string reason) => new(
        SegmentationError.Overloaded,
        $"No room for another job: {reason}. Delete finished jobs, or retry after the time in Retry-After.")
    {
        RetryAfter = UsualWait,
    };

    private sealed class Reservation(JobRoom room, long bytes) : IDisposable
    {
        public void Dispose()
        {
            lock (room._lock)
            {
                room._arriving--;
                room._arrivingBytes -= bytes;
            }
        }
    }
}
