using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using InferenceServer.Runtime.Diagnostics;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Admission;

/// <summary>Limits the requests that compute outside the network, so that decoding and encoding starve neither the
/// network nor the server. Other requests wait without a thread: first the client that has computed for the shortest time,
/// and of one client in order.</summary>
internal sealed class CpuGate
{
    private const double LeastCost = 0.001; // seconds
    private readonly Lock _lock = new();
    private readonly FairQueue<TaskCompletionSource> _waiting = new();
    private int _free;

    /// <summary>Makes the gate. In a process of its own, it also adds threads to the pool for work that does not
    /// compute.</summary>
    public CpuGate(IOptions<SegmentationOptions> options)
    {
        _free = options.Value.Scheduling.CpuSlots is > 0 and int slots ? slots : Environment.ProcessorCount;
        // Decoding a large image holds its thread for long; the pool would add a thread for probes only after half a
        // second.
        if (options.Value.OwnsProcess)
        {
            ThreadPool.GetMinThreads(out int workers, out int completions);
            ThreadPool.SetMinThreads(Math.Max(workers, Environment.ProcessorCount + _free), completions);
        }
    }

    /// <summary>Waits for a slot.</summary>
    /// <param name="admitted">The request; it gets the wait as time in the queue.</param>
    /// <param name="isWaitedFor">Whether the request's backlog counts the wait.</param>
    /// <returns>The slot, released when it is disposed.</returns>
    public ValueTask<CpuSlot> EnterAsync(AdmittedRequest admitted, bool isWaitedFor = true)
    {
        Backlog? backlog = isWaitedFor ? admitted.Backlog : null;
        return EnterAsync(admitted.Timings, admitted.Cancellation, backlog, admitted.Client);
    }

    /// <summary>Waits for a slot.</summary>
    /// <param name="timings">Gets the wait as time in the queue.</param>
    /// <param name="cancellationToken">Leaves the queue at once.</param>
    /// <param name="backlog">The backlog of the request's model; null after inference.</param>
    /// <param name="client">Whose turn it is.</param>
    /// <returns>The slot, released when it is disposed.</returns>
    internal async ValueTask<CpuSlot> EnterAsync(
        StageTimings timings, CancellationToken cancellationToken, Backlog? backlog = null, Client? client = null)
    {
        cancellationToken.ThrowIfCancellationRequested();
        TaskCompletionSource turn;
        FairQueue<TaskCompletionSource>.Place place;
        lock (_lock)
        {
            if (_free > 0)
            {
                _free--;
                return new CpuSlot(this, client);
            }

            // The thread that frees a slot has work of its own.
            turn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            place = _waiting.Add(client, turn);
        }

        long start = Stopwatch.GetTimestamp();
        backlog?.StartWaiting();
        try
        {
            await using CancellationTokenRegistration leaving = cancellationToken.UnsafeRegister(_ => Leave(place, turn), null);
            await turn.Task.ConfigureAwait(false);
            return new CpuSlot(this, client);
        }
        finally
        {
            backlog?.StopWaiting();
            timings.Add(Stage.Queue, Stopwatch.GetElapsedTime(start));
        }
    }

    /// <summary>Frees a slot, for the request that waits next.</summary>
    /// <param name="client">Who had the slot.</param>
    /// <param name="time">For how long.</param>
    internal void Release(Client? client, TimeSpan time)
    {
        lock (_lock)
        {
            _waiting.Charge(client, time.TotalSeconds);
            if (_waiting.TryTake(LeastCost, out TaskCompletionSource? next))
            {
                next.SetResult();
            }
            else
            {
                _free++;
            }
        }
    }

    // Too late where the turn has come: then the request frees the slot.
    private void Leave(FairQueue<TaskCompletionSource>.Place place, TaskCompletionSource turn)
    {
        lock (_lock)
        {
            if (_waiting.Remove(place))
            {
                turn.SetCanceled();
            }
        }
    }
}

/// <summary>The right to compute on the processor, held by one stage of one request.</summary>
internal readonly struct CpuSlot(CpuGate gate, Client? client) : IDisposable
{
    private readonly long _start = Stopwatch.GetTimestamp();

    /// <summary>Frees the slot; called once.</summary>
    public void Dispose() => gate.Release(client, Stopwatch.GetElapsedTime(_start));
}

/// <summary>What waits: the client that has used least comes first, and what one client sends in the order of its arrival,
/// so that a client with much work delays others by no more than one piece of it. Not thread-safe.</summary>
/// <remarks>Start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996): a client that begins to wait has used as much as
/// the client that is next, so that no client saves up turns.</remarks>
internal sealed class FairQueue<T>
{
    private readonly LinkedList<Line> _turns = new();
    private readonly Dictionary<Client, LinkedListNode<Line>> _lines = [];

    /// <summary>Number of all that waits.</summary>
    public int Count { get; private set; }

    /// <summary>All that waits, client by client.</summary>
    public IEnumerable<T> Items => _turns.SelectMany(line => line.Items);

    /// <summary>Adds what waits behind all else of its client.</summary>
    /// <param name="client">The client; null is this process.</param>
    /// <param name="item">What waits.</param>
    public Place Add(Client? client, T item)
    {
        Client key = client ?? default;
        if (!_lines.TryGetValue(key, out LinkedListNode<Line>? line))
        {
            double used = Next()?.Value.Used ?? 0;
            line = _turns.AddLast(new Line(key) { Used = used });
            _lines.Add(key, line);
        }

        Count++;
        return new Place(line, line.Value.Items.AddLast(item));
    }

    /// <summary>Removes what waits, in constant time.</summary>
    /// <returns>Whether it still waited.</returns>
    public bool Remove(Place place)
    {
        (LinkedListNode<Line> line, LinkedListNode<T> item) = place;
        if (item.List is null)
        {
            return false;
        }

        Count--;
        line.Value.Items.Remove(item);
        if (line.Value.Items.Count == 0)
        {
            _turns.Remove(line);
            _lines.Remove(line.Value.Client);
        }

        return true;
    }

    /// <summary>The next in turn.</summary>
    public bool TryPeek([MaybeNullWhen(false)] out T item)
    {
        if (Next() is { } line)
        {
            item = line.Value.Items.First!.Value;
            return true;
        }

        item = default;
        return false;
    }

    /// <summary>Counts what a client has used, where it has something waiting.</summary>
    public void Charge(Client? client, double cost)
    {
        if (_lines.TryGetValue(client ?? default, out LinkedListNode<Line>? line))
        {
            line.Value.Used += cost;
        }
    }

    /// <summary>Takes the next out.</summary>
    /// <param name="cost">What the client uses with it at least.</param>
    /// <param name="item">The next.</param>
    public bool TryTake(double cost, [MaybeNullWhen(false)] out T item)
    {
        if (Next() is not { } line)
        {
            item = default;
            return false;
        }

        line.Value.Used += cost;
        LinkedListNode<T> first = line.Value.Items.First!;
        item = first.Value;
        return Remove(new Place(line, first));
    }

    // A few clients: the longest list of them is as long as the limit on requests.
    private LinkedListNode<Line>? Next()
    {
        LinkedListNode<Line>? next = _turns.First;
        for (LinkedListNode<Line>? line = next; line is not null; line = line.Next)
        {
            if (line.Value.Used < next!.Value.Used)
            {
                next = line;
            }
        }

        return next;
    }

    /// <summary>What one client has waiting.</summary>
    internal sealed class Line(Client client)
    {
        public Client Client => client;

        public LinkedList<T> Items { get; } = new();

        /// <summary>What the client has used.</summary>
        public double Used { get; set; }
    }

    /// <summary>Where something waits.</summary>
    internal readonly record struct Place(LinkedListNode<Line> Line, LinkedListNode<T> Item);
}
