using System.Diagnostics;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace DenseCrf.Threading;

/// <summary>
/// The threads of one call, which run one phase after the other: the caller's thread and threads from the thread pool.
/// </summary>
/// <remarks>
/// <para>The items of a phase lie in one queue for each worker. A thread takes items from its own queue first, because
/// their data is in its cache, and then from the other queues. So a phase waits for a thread only while that thread
/// runs an item, not if the pool has not started it yet. Results depend on the number of workers, not on which thread
/// runs an item.</para>
/// <para>A waiting thread spins for a short time and then sleeps. Spinning alone would cost time slices of milliseconds
/// on a busy machine.</para>
/// </remarks>
internal sealed class CrfTeam : IThreadPoolWorkItem, IDisposable
{
    /// <summary>
    /// 50 µs: longer than phases of equal work differ, shorter than it takes to put a thread to sleep and to wake it.
    /// </summary>
    private static readonly long SpinTicks = Stopwatch.Frequency / 20_000;

    private readonly WorkQueue[] _queues;
    private readonly bool _spins;
    private readonly object _gate = new();
    private Action<int, int> _body = static (_, _) => { };
    private ExceptionDispatchInfo? _error;
    private int _items;
    private int _phase;
    private int _done;
    private int _helpers;
    private int _sleepers;
    private bool _callerSleeps;
    private volatile bool _closed;

    /// <param name="workers">Largest number of threads, the caller's included.</param>
    public CrfTeam(int workers)
    {
        _queues = new WorkQueue[workers];
        _spins = workers <= Environment.ProcessorCount;
        for (int i = 1; i < workers; i++)
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
    }

    /// <summary>Number of workers, and of queues.</summary>
    public int Workers => _queues.Length;

    /// <summary>Runs <paramref name="body"/> for each item of each worker, and returns after the last one.</summary>
    /// <remarks>If an item throws, the exception is thrown after the last item.</remarks>
    /// <param name="items">Number of items for each worker. With several, idle threads can help a slower one.</param>
    /// <param name="body">
    /// Receives the number of the worker, to whose queue the item belongs, and the number of the item.
    /// </param>
    public void Run(int items, Action<int, int> body)
    {
        if (Workers == 1)
        {
            for (int item = 0; item < items; item++)
            {
                body(0, item);
            }

            return;
        }

        int phase = _phase + 1, total = items * Workers;
        for (int worker = 0; worker < Workers; worker++)
        {
            // Queues before the phase: a thread that still looks for items of the last phase finds none.
            Volatile.Write(ref _queues[worker].Value, (long)phase << 32);
        }

        (_body, _items, _done) = (body, items, 0);
        Interlocked.Exchange(ref _phase, phase);
        if (Volatile.Read(ref _sleepers) > 0)
        {
            lock (_gate)
            {
                Monitor.PulseAll(_gate);
            }
        }

        Work(0, phase);
        AwaitDone(total);
        _error?.Throw();
    }

    /// <summary>Runs on a thread of the pool: works on one phase after the other until the call ends.</summary>
    public void Execute()
    {
        int worker = Interlocked.Increment(ref _helpers), seen = 0;
        while (AwaitPhase(ref seen))
        {
            Work(worker % Workers, seen);
        }
    }

    /// <summary>Releases the threads of the pool. A thread that starts later returns at once.</summary>
    public void Dispose()
    {
        _closed = true;
        lock (_gate)
        {
            Monitor.PulseAll(_gate);
        }
    }

    private void Work(int first, int phase)
    {
        Action<int, int> body = _body;
        int items = _items;
        for (int i = 0; i < Workers; i++)
        {
            int worker = (first + i) % Workers;
            while (_queues[worker].TryTake(phase, items, out int item))
            {
                try
                {
                    body(worker, item);
                }
                catch (Exception e)
                {
                    // The caller throws it, after no thread uses the memory any more.
                    _error = ExceptionDispatchInfo.Capture(e);
                }

                Finish(items * Workers);
            }
        }
    }

    private void Finish(int total)
    {
        if (Interlocked.Increment(ref _done) == total && Volatile.Read(ref _callerSleeps))
        {
            lock (_gate)
            {
                Monitor.PulseAll(_gate);
            }
        }
    }

    private void AwaitDone(int total)
    {
        long until = Stopwatch.GetTimestamp() + SpinTicks;
        while (Volatile.Read(ref _done) < total)
        {
            if (_spins && Stopwatch.GetTimestamp() < until)
            {
                Thread.SpinWait(4);
                continue;
            }

            lock (_gate)
            {
                Volatile.Write(ref _callerSleeps, true);
                Interlocked.MemoryBarrier();
                while (Volatile.Read(ref _done) < total)
                {
                    Monitor.Wait(_gate);
                }

                _callerSleeps = false;
            }
        }
    }

    private bool AwaitPhase(ref int seen)
    {
        long until = Stopwatch.GetTimestamp() + SpinTicks;
        while (!_closed && Volatile.Read(ref _phase) == seen)
        {
            if (_spins && Stopwatch.GetTimestamp() < until)
            {
                Thread.SpinWait(4);
                continue;
            }

            lock (_gate)
            {
                Interlocked.Increment(ref _sleepers);
                while (!_closed && Volatile.Read(ref _phase) == seen)
                {
                    Monitor.Wait(_gate);
                }

                Interlocked.Decrement(ref _sleepers);
            }
        }

        seen = Volatile.Read(ref _phase);
        return !_closed;
    }
}

/// <summary>
/// A queue that gives out the items of a worker, each once. Fills two cache lines, so that queues do not share one.
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = 128)]
internal struct WorkQueue
{
    /// <summary>The phase in the upper 32 bits, the next item in the lower 32.</summary>
    [FieldOffset(0)]
    public long Value;

    /// <summary>Takes the next item. Returns false if the phase is over or all items are taken.</summary>
    public bool TryTake(int phase, int items, out int item)
    {
        while (true)
        {
            long value = Volatile.Read(ref Value);
            item = (int)value;
            if (value >> 32 != phase || item >= items)
            {
                return false;
            }

            if (Interlocked.CompareExchange(ref Value, value + 1, value) == value)
            {
                return true;
            }
        }
    }
}
