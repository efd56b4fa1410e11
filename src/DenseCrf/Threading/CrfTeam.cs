using System.Diagnostics;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace DenseCrf.Threading;

/// <summary>The threads of one call: the caller and helpers from the thread pool, who share out the items of one phase after another.</summary>
/// <remarks>
/// <para>Work is cut into as many workers as threads were asked for, whoever comes to do it: results depend on the workers alone. A helper
/// takes items of its own worker first, which are in its cache, then those of the others. So nobody waits for a thread that the
/// pool has not started or the system has put aside, unless that thread holds an item.</para>
/// <para>Waiting is a short spin, then a real wait. On a busy machine a barrier that only spins costs a time slice of milliseconds.</para>
/// </remarks>
internal sealed class CrfTeam : IThreadPoolWorkItem, IDisposable
{
    /// <summary>Longer than phases of equal work differ, shorter than it takes to put a thread to sleep and to wake it.</summary>
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

    /// <param name="workers">Threads at most, the caller included.</param>
    public CrfTeam(int workers)
    {
        _queues = new WorkQueue[workers];
        _spins = workers <= Environment.ProcessorCount;
        for (int i = 1; i < workers; i++)
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
    }

    /// <summary>Into how many workers work is cut.</summary>
    public int Workers => _queues.Length;

    /// <summary>Runs <paramref name="body"/> for every worker and every item of it, and returns when all are done.</summary>
    /// <remarks>An exception of any item is thrown once all are done.</remarks>
    /// <param name="items">Items of each worker; several let an idle thread help a slower one.</param>
    /// <param name="body">Gets worker and item. Whichever thread runs it, no two run the same.</param>
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
            // Tickets first: a helper still looking at the last phase finds none of its number left.
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

    /// <summary>A helper's life: phase after phase until the call ends.</summary>
    public void Execute()
    {
        int worker = Interlocked.Increment(ref _helpers), seen = 0;
        while (AwaitPhase(ref seen))
        {
            Work(worker % Workers, seen);
        }
    }

    /// <summary>Sends the helpers home; one that starts later leaves at once.</summary>
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
                    // Thrown on by the caller, but only when nobody works on the memory any more.
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

/// <summary>Gives out the items of a worker, each once. Fills two cache lines, which no other worker's ticket shares.</summary>
[StructLayout(LayoutKind.Explicit, Size = 128)]
internal struct WorkQueue
{
    /// <summary>The phase in the upper half, the next item in the lower.</summary>
    [FieldOffset(0)]
    public long Value;

    /// <summary>Takes the next item, unless the phase is over or all items are taken.</summary>
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
