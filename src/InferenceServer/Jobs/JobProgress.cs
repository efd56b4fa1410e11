using System.Collections;

namespace InferenceServer.Jobs;

/// <summary>Which chunks of a job are finished, as far as this server knows. Thread-safe.</summary>
internal sealed class JobProgress(JobPlan plan, TimeProvider time)
{
    private static readonly TimeSpan RateWindow = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private readonly BitArray _done = new(plan.Chunks);
    private readonly Dictionary<int, int> _failedOf = []; // few chunks have failures
    private readonly int[] _doneInGroup = new int[Groups(plan)];
    private readonly Queue<(long At, int Answered)> _samples = [];
    private int _answered;
    private int _failed;
    private long _bytes;

    /// <summary>The plan.</summary>
    public JobPlan Plan { get; } = plan;

    /// <summary>Images with a mask, and images with an error.</summary>
    public (int Done, int Failed) Count
    {
        get
        {
            lock (_lock)
            {
                return (_answered - _failed, _failed);
            }
        }
    }

    /// <summary>Bytes of the lines of all finished chunks.</summary>
    public long Bytes
    {
        get
        {
            lock (_lock)
            {
                return _bytes;
            }
        }
    }

    /// <summary>Whether all chunks are finished.</summary>
    public bool IsComplete
    {
        get
        {
            lock (_lock)
            {
                return _answered == Plan.Total;
            }
        }
    }

    /// <summary>Adds a finished chunk.</summary>
    /// <returns>False where it was known.</returns>
    public bool Add(FinishedChunk chunk)
    {
        lock (_lock)
        {
            if (_done[chunk.Number])
            {
                return false;
            }

            _done[chunk.Number] = true;
            _doneInGroup[chunk.Number / JobRecords.GroupSize]++;
            _answered += Plan.Count(chunk.Number);
            _bytes += chunk.Bytes;
            if (chunk.Failed > 0)
            {
                _failedOf[chunk.Number] = chunk.Failed;
                _failed += chunk.Failed;
            }

            Sample();
            return true;
        }
    }

    /// <summary>Whether a chunk is known to be finished.</summary>
    public bool Has(int chunk)
    {
        lock (_lock)
        {
            return _done[chunk];
        }
    }

    /// <summary>Whether all chunks of a group are known to be finished.</summary>
    public bool HasGroup(int group)
    {
        lock (_lock)
        {
            return _doneInGroup[group] == Math.Min(JobRecords.GroupSize, Plan.Chunks - (group * JobRecords.GroupSize));
        }
    }

    /// <summary>Number of groups.</summary>
    public int GroupCount => _doneInGroup.Length;

    /// <summary>Finished chunks in which images failed.</summary>
    public IReadOnlyList<FinishedChunk> WithFailures
    {
        get
        {
            lock (_lock)
            {
                return [.. _failedOf.OrderBy(c => c.Key).Select(c => new FinishedChunk(c.Key, c.Value, Bytes: 0))];
            }
        }
    }

    /// <summary>The first unfinished chunk of each chain c, c + Window, c + 2 Window and so on; these are the chunks that
    /// should be in the queue.</summary>
    public IReadOnlyList<int> Heads()
    {
        lock (_lock)
        {
            List<int> heads = [];
            for (int chain = 0; chain < Math.Min(JobPlan.Window, Plan.Chunks); chain++)
            {
                int chunk = chain;
                while (chunk < Plan.Chunks && _done[chunk])
                {
                    chunk += JobPlan.Window;
                }

                if (chunk < Plan.Chunks)
                {
                    heads.Add(chunk);
                }
            }

            return heads;
        }
    }

    /// <summary>Images a second over the last minute; null while nothing is known.</summary>
    public double? Rate()
    {
        lock (_lock)
        {
            if (!_samples.TryPeek(out (long At, int Answered) first))
            {
                return null;
            }

            TimeSpan elapsed = time.GetElapsedTime(first.At);
            int answered = _answered - first.Answered;
            return elapsed > TimeSpan.Zero && answered > 0 ? answered / elapsed.TotalSeconds : null;
        }
    }

    private static int Groups(JobPlan plan) => (plan.Chunks + JobRecords.GroupSize - 1) / JobRecords.GroupSize;

    private void Sample()
    {
        long now = time.GetTimestamp();
        _samples.Enqueue((now, _answered));
        while (_samples.Count > 1 && time.GetElapsedTime(_samples.Peek().At, now) > RateWindow)
        {
            _samples.Dequeue();
        }
    }
}
