using System.Diagnostics;
using System.Runtime.ExceptionServices;

namespace DenseCrf.Threading;

/// <summary>The threads of one call: the caller and helpers from the thread pool, who share out the items of one phase after another.</summary>
/// <remarks>
/// <para>Work is cut into as many lanes as threads were asked for, whoever comes to do it: results depend on the lanes alone. A helper
/// takes items of its own lane first, which are in its cache, then those of the others. So nobody waits for a thread that the
/// pool has not started or the system has put aside, unless that thread holds an item.</para>
/// <para>Waiting is a short spin, then a real wait. On a busy machine a barrier that only spins costs a time slice of milliseconds.</para>
/// </remarks>
internal sealed class CrfTeam : IThreadPoolWorkItem, IDisposable
{
    /// <summary>Longer than phases of equal work differ, shorter than it takes to put a thread to sleep and to wake it.</summary>
    private static readonly long SpinTicks = Stopwatch.Frequency / 20_000;

    private readonly CrfTicket[] _tickets;
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

    /// <param name="lanes">Threads at most, the caller included.</param>
    public CrfTeam(int lanes)
    {
        _tickets = new CrfTicket[lanes];
        _spins = lanes <= Environment.ProcessorCount;
        for (int i = 1; i < lanes; i++)
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
    }

    /// <summary>Into how many lanes work is cut.</summary>
    public int Lanes => _tickets.Length;

    /// <summary>Runs <paramref name="body"/> for every lane and every item of it, and returns when all are done.</summary>
    /// <remarks>An exception of any item is thrown once all are done.</remarks>
    /// <param name="items">Items of each lane; several let an idle thread help a slower one.</param>
    /// <param name="body">Gets lane and item. Whichever thread runs it, no two run the same.</param>
    public void Run(int items, Action<int, int> body)
    {
        if (Lanes == 1)
        {
            for (int item = 0; item < items; item++)
            {
                body(0, item);
            }

            return;
        }

        int phase = _phase + 1, total = items * Lanes;
        for (int lane = 0; lane < Lanes; lane++)
        {
            // Tickets first: a helper still looking at the last phase finds none of its number left.
            Volatile.Write(ref _tickets[lane].Value, (long)phase << 32);
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
        int lane = Interlocked.Increment(ref _helpers), seen = 0;
        while (AwaitPhase(ref seen))
        {
            Work(lane % Lanes, seen);
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
        for (int i = 0; i < Lanes; i++)
        {
            int lane = (first + i) % Lanes;
            while (_tickets[lane].TryTake(phase, items, out int item))
            {
                try
                {
                    body(lane, item);
                }
                catch (Exception e)
                {
                    // Thrown on by the caller, but only when nobody works on the memory any more.
                    _error = ExceptionDispatchInfo.Capture(e);
                }

                Finish(items * Lanes);
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
