using System.Text.Json.Serialization;
using System.Threading.Channels;

namespace InferenceServer.Jobs;

/// <summary>A queue of work on jobs. It may lose work and deliver it twice: <see cref="JobUpkeep"/> finds lost work, and
/// work that is done twice writes the same bytes.</summary>
internal interface IWorkQueue
{
    /// <summary>Whether other servers take from the queue, too.</summary>
    bool IsShared { get; }

    /// <summary>Adds work; nothing happens where the same work was added a moment ago.</summary>
    /// <exception cref="IOException">The queue cannot be reached.</exception>
    Task AddAsync(WorkItem item, CancellationToken cancellationToken);

    /// <summary>Waits for work.</summary>
    Task<IWorkLease> TakeAsync(CancellationToken cancellationToken);

    /// <summary>Work of a job that waits or is in progress; null where the queue cannot be reached.</summary>
    Task<int?> CountAsync(string job, CancellationToken cancellationToken);
}

/// <summary>Work that one worker holds. Work that is neither completed nor kept for a while goes to another worker.</summary>
internal interface IWorkLease
{
    /// <summary>The work.</summary>
    WorkItem Item { get; }

    /// <summary>Whether the work was delivered before, so that a server may have ended over it.</summary>
    bool IsRepeated { get; }

    /// <summary>Keeps the work, while it is in progress.</summary>
    Task KeepAsync(CancellationToken cancellationToken);

    /// <summary>Removes the work from the queue.</summary>
    Task CompleteAsync();

    /// <summary>Gives the work to another worker, after a delay.</summary>
    Task PutBackAsync(TimeSpan delay);
}

/// <summary>A unit of work on a job.</summary>
/// <param name="Job">The job's ID.</param>
/// <param name="Kind">What is to be done.</param>
/// <param name="Chunk">The chunk; 0 for other kinds.</param>
internal sealed record WorkItem(string Job, WorkKind Kind, int Chunk = 0)
{
    /// <summary>Whether the work may have been begun before: upkeep found it.</summary>
    public bool IsFound { get; init; }

    /// <summary>Tells work apart.</summary>
    [JsonIgnore]
    public string Id => $"{Job}.{Kind}.{Chunk}";
}

/// <summary>What is to be done for a job.</summary>
internal enum WorkKind
{
    /// <summary>Lists the sources and divides the images into chunks.</summary>
    Plan,

    /// <summary>Segments the images of a chunk.</summary>
    Chunk,

    /// <summary>Writes what tells that the job has ended.</summary>
    Finish,
}

/// <summary>The queue of one server, in memory. After a restart upkeep fills it again.</summary>
internal sealed class LocalWorkQueue(TimeProvider time) : IWorkQueue
{
    private readonly Channel<WorkItem> _waiting = Channel.CreateUnbounded<WorkItem>();
    private readonly TimeProvider _time = time;
    private readonly HashSet<WorkItem> _held = new(SameWork.Instance); // guarded by itself

    public bool IsShared => false;

    public Task AddAsync(WorkItem item, CancellationToken cancellationToken)
    {
        lock (_held)
        {
            if (_held.Add(item))
            {
                _waiting.Writer.TryWrite(item);
            }
        }

        return Task.CompletedTask;
    }

    public async Task<IWorkLease> TakeAsync(CancellationToken cancellationToken) =>
        new Lease(this, await _waiting.Reader.ReadAsync(cancellationToken));

    public Task<int?> CountAsync(string job, CancellationToken cancellationToken)
    {
        lock (_held)
        {
            return Task.FromResult<int?>(_held.Count(item => item.Job == job));
        }
    }

    private sealed class Lease(LocalWorkQueue queue, WorkItem item) : IWorkLease
    {
        public WorkItem Item => item;

        public bool IsRepeated => item.IsFound;

        public Task KeepAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task CompleteAsync()
        {
            lock (queue._held)
            {
                queue._held.Remove(item);
            }

            return Task.CompletedTask;
        }

        public Task PutBackAsync(TimeSpan delay)
        {
            _ = WaitAsync();
            return Task.CompletedTask;

            async Task WaitAsync()
            {
                await Task.Delay(delay, queue._time);
                queue._waiting.Writer.TryWrite(item);
            }
        }
    }

    private sealed class SameWork : IEqualityComparer<WorkItem>
    {
        public static readonly SameWork Instance = new();

        public bool Equals(WorkItem? x, WorkItem? y) => x?.Id == y?.Id;

        public int GetHashCode(WorkItem obj) => obj.Id.GetHashCode(StringComparison.Ordinal);
    }
}
