using InferenceServer.Runtime;

namespace InferenceServer.Jobs;

/// <summary>The limits on the number and the bytes of jobs. Thread-safe.</summary>
internal sealed class JobRoom(JobOptions options, double clientShare)
{
    private static readonly TimeSpan UsualWait = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private readonly List<Reservation> _arriving = [];

    /// <summary>Bytes that a client's jobs may still use.</summary>
    /// <param name="client">The client; null has no share of the limit.</param>
    /// <param name="known">All jobs.</param>
    public long Left(string? client, ICollection<Job> known)
    {
        lock (_lock)
        {
            long left = options.MaxBytes - Used(known, _ => true);
            if (client is null)
            {
                return left;
            }

            return Math.Min(left, OfClient(options.MaxBytes) - Used(known, IsOf(client)));
        }
    }

    /// <summary>Reserves room for a job that arrives.</summary>
    /// <param name="client">Who sends the job; null has no share of the limits.</param>
    /// <param name="announced">Bytes that are announced: there must be room for them now, and they count as they
    /// arrive.</param>
    /// <param name="known">All jobs, now and later.</param>
    /// <returns>The room, which is given back when it is disposed; by then the job is known or was refused.</returns>
    /// <exception cref="SegmentationException">There is no room.</exception>
    public Reservation Reserve(string? client, long announced, Func<ICollection<Job>> known)
    {
        lock (_lock)
        {
            ICollection<Job> jobs = known();
            if (jobs.Count + _arriving.Count >= options.MaxJobs)
            {
                throw Full($"expected at most {options.MaxJobs:N0} jobs (Jobs:MaxJobs), all of which exist");
            }

            Func<string?, bool> isOwn = IsOf(client);
            long most = OfClient(options.MaxJobs);
            if (jobs.Count(job => isOwn(job.Stored.Client)) + _arriving.Count(arriving => isOwn(arriving.Client)) >= most)
            {
                throw Full($"expected at most {most:N0} jobs of one client (Scheduling:ClientShare of Jobs:MaxJobs), all of which exist");
            }

            Check(announced, client, jobs);
            Reservation made = new(this, client, known);
            _arriving.Add(made);
            return made;
        }
    }

    private void Check(long more, string? client, ICollection<Job> known)
    {
        long left = options.MaxBytes - Used(known, _ => true);
        if (more > left)
        {
            throw Full($"expected at most {options.MaxBytes:N0} bytes of jobs (Jobs:MaxBytes), of which {left:N0} are left");
        }

        if (more > Left(client, known))
        {
            throw Full(
                $"expected at most {OfClient(options.MaxBytes):N0} bytes of jobs of one client (Scheduling:ClientShare of Jobs:MaxBytes)");
        }
    }

    private static Func<string?, bool> IsOf(string? client) => other => client is not null && other == client;

    private long OfClient(long limit) => Math.Max((long)(limit * clientShare), 1);

    private long Used(ICollection<Job> known, Func<string?, bool> counts) =>
        _arriving.Where(arriving => counts(arriving.Client)).Sum(arriving => arriving.Bytes)
        + known.Where(job => counts(job.Stored.Client)).Sum(Bytes);

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

    /// <summary>The room of a job that arrives.</summary>
    internal sealed class Reservation(JobRoom room, string? client, Func<ICollection<Job>> known) : IDisposable
    {
        /// <summary>Who sends the job.</summary>
        public string? Client => client;

        /// <summary>Bytes that have arrived.</summary>
        public long Bytes { get; private set; }

        /// <summary>Claims room for what has arrived.</summary>
        /// <param name="bytes">Bytes in all; fewer than before change nothing.</param>
        /// <exception cref="SegmentationException">There is no room.</exception>
        public void Hold(long bytes)
        {
            lock (room._lock)
            {
                room.Check(bytes - Bytes, client, known());
                Bytes = Math.Max(Bytes, bytes);
            }
        }

        public void Dispose()
        {
            lock (room._lock)
            {
                room._arriving.Remove(this);
            }
        }
    }
}
