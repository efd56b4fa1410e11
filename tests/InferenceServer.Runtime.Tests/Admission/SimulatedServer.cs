using InferenceServer.Runtime.Admission;
using Microsoft.Extensions.Time.Testing;

namespace InferenceServer.Runtime.Tests.Admission;

/// <summary>One instance behind a backlog, in simulated time: arrivals at even distances, a decoder of 3 ms, a
/// network that always takes as long.</summary>
internal sealed class SimulatedServer(Backlog backlog, FakeTimeProvider clock, TimeSpan service)
{
    private static readonly TimeSpan Preparation = TimeSpan.FromMilliseconds(3);
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(0.1);
    private readonly Queue<TimeSpan> _preparing = new();
    private readonly Queue<TimeSpan> _waiting = new();
    private readonly List<TimeSpan> _latencies = [];
    private TimeSpan? _running;
    private TimeSpan _ends;
    private TimeSpan _busy;
    private TimeSpan _now;

    public int Refused { get; private set; }

    public double Utilization => _busy / _now;

    public TimeSpan Percentile(double share) => _latencies.Order().ElementAt((int)(_latencies.Count * share));

    public void Run(TimeSpan arrivals, TimeSpan duration)
    {
        TimeSpan next = TimeSpan.Zero;
        for (; _now < duration; _now += Step, clock.Advance(Step))
        {
            if (_now >= next)
            {
                next += arrivals;
                Arrive();
            }

            while (_preparing.TryPeek(out TimeSpan arrived) && arrived + Preparation <= _now)
            {
                _waiting.Enqueue(_preparing.Dequeue());
                backlog.StartWaiting();
            }

            Infer();
        }
    }

    private void Arrive()
    {
        if (backlog.TryEnter(Priority.Interactive))
        {
            _preparing.Enqueue(_now);
        }
        else
        {
            Refused++;
        }
    }

    private void Infer()
    {
        if (_running is { } arrived && _now >= _ends)
        {
            _running = null;
            _latencies.Add(_now - arrived);
            backlog.Served(1, service);
            backlog.Leave();
            if (_waiting.Count == 0)
            {
                backlog.RanDry();
            }
        }

        if (_running is null && _waiting.TryDequeue(out TimeSpan first))
        {
            backlog.StopWaiting();
            _running = first;
            _ends = _now + service;
        }

        _busy += _running is null ? TimeSpan.Zero : Step;
    }
}
