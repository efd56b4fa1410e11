using InferenceServer.Runtime.Admission;
using Microsoft.Extensions.Time.Testing;

namespace InferenceServer.Runtime.Tests.Admission;

/// <summary>One instance that takes 25 ms an image, and a clock that is moved by hand.</summary>
public class BacklogTests
{
    private const int Most = 64;
    private const int Least = 2; // one in the network, one that waits for it
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);
    private readonly FakeTimeProvider _clock = new();
    private readonly Backlog _backlog;

    public BacklogTests() =>
        _backlog = new Backlog(
            instances: 1,
            batch: 1,
            new SchedulingOptions { MaxRequests = Most, OverloadInterval = Interval },
            _clock);

    [Fact]
    public void TryEnter_Burst_IsLetInUpToTheServersLimit()
    {
        Assert.Equal(Most, Flood(1000));
        Assert.Equal(Most, _backlog.Count);
    }

    [Fact]
    public void TryEnter_QueueStandsForAnInterval_LetsInOnlyWhatKeepsTheInstanceBusy()
    {
        Flood(20);
        _backlog.StartWaiting();
        _clock.Advance(Interval);

        Assert.Equal(0, Flood(1));
        Assert.Equal(Least, _backlog.Limit);
    }

    [Fact]
    public void TryEnter_QueueWasEmptyInBetween_IsNoStandingQueue()
    {
        Flood(20);
        _backlog.StartWaiting();
        _clock.Advance(Interval * 0.9);
        _backlog.StopWaiting();
        _backlog.StartWaiting();
        _clock.Advance(Interval * 0.9);

        Assert.Equal(1, Flood(1));
        Assert.Equal(Most, _backlog.Limit);
    }

    [Fact]
    public void TryEnter_QueueOfAnotherClientStands_LetsInAnEqualPart()
    {
        Flood(20);
        _backlog.StartWaiting();
        _clock.Advance(Interval);

        Assert.False(_backlog.TryEnter(Priority.Interactive, (Own: 20, Clients: 2)));
        Assert.True(_backlog.IsFull(Priority.Interactive, (Own: 1, Clients: 2)));
        Assert.False(_backlog.IsFull(Priority.Interactive, (Own: 0, Clients: 2)));
        Assert.True(_backlog.TryEnter(Priority.Interactive, (Own: 0, Clients: 2)));
        Assert.False(_backlog.TryEnter(Priority.Interactive, (Own: 0, Clients: 1))); // nobody else to give way
    }

    [Fact]
    public void TryEnter_MoreClientsThanTheServersLimit_KeepsTheLimit()
    {
        Flood(1000);

        Assert.False(_backlog.TryEnter(Priority.Interactive, (Own: 0, Clients: 1000)));
    }

    [Fact]
    public void TryEnter_ShortQueueStands_IsTolerated()
    {
        Flood(7); // eight clients, each of which sends when it has its answer
        _backlog.StartWaiting();
        _clock.Advance(TimeSpan.FromHours(1));
        Assert.Equal(1, Flood(1));
        Assert.Equal(Most, _backlog.Limit);
    }

    [Fact]
    public void RanDry_AfterOverload_LetsInMoreUntilAllIsAsBefore()
    {
        Overload();
        List<int> limits = [];
        while (limits is not [.., Most])
        {
            _backlog.RanDry();
            limits.Add(_backlog.Limit);
        }

        Assert.Equal([3, 4, 6, 9, 13, 19, 28, 42, 63, 64], limits);
    }

    [Fact]
    public void RanDry_WhileSomebodyWaitsForTheProcessor_ChangesNothing()
    {
        Overload();
        _backlog.StartWaiting();
        _backlog.RanDry();
        Assert.Equal(Least, _backlog.Limit);
    }

    [Fact]
    public void Delay_AfterRuns_IsTheirTimeForAllThatAreThere()
    {
        Flood(4);
        Assert.Equal(TimeSpan.Zero, _backlog.Delay);
        _backlog.Served(1, TimeSpan.FromMilliseconds(25));
        Assert.Equal(100, _backlog.Delay.TotalMilliseconds, 1);
        for (int i = 0; i < 100; i++)
        {
            _backlog.Served(2, TimeSpan.FromMilliseconds(20));
        }

        Assert.Equal(40, _backlog.Delay.TotalMilliseconds, 1);
    }

    [Fact]
    public void TryEnter_SlowNetwork_StandsOnlyAfterFourRuns()
    {
        _backlog.Served(1, TimeSpan.FromSeconds(1));
        Flood(20);
        _backlog.StartWaiting();
        _clock.Advance(TimeSpan.FromSeconds(3.9));
        Assert.Equal(1, Flood(1));
        _clock.Advance(TimeSpan.FromSeconds(0.1));
        Assert.Equal(0, Flood(1));
    }

    [Fact]
    public void TryEnter_BatchClass_IsLetInUpToItsShare()
    {
        int entered = Enumerable.Range(0, Most).Count(_ => _backlog.TryEnter(Priority.Background));
        Assert.Equal(Most / 2, entered);
        Assert.Equal(Most / 2, Flood(Most));
    }

    /// <summary>Three times the capacity, evenly spaced, for a minute: the queue is short and the instance always busy.</summary>
    [Fact]
    public void TryEnter_ThreeTimesTheCapacity_KeepsTheInstanceBusyAndTheQueueShort()
    {
        SimulatedServer server = new(_backlog, _clock, service: TimeSpan.FromMilliseconds(25));

        server.Run(arrivals: TimeSpan.FromMilliseconds(25) / 3, duration: TimeSpan.FromMinutes(1));

        Assert.InRange(server.Utilization, 0.99, 1);
        Assert.InRange(server.Percentile(0.99).TotalMilliseconds, 25, 75);
    }

    [Fact]
    public void TryEnter_FourFifthsOfTheCapacity_RefusesNobody()
    {
        SimulatedServer server = new(_backlog, _clock, service: TimeSpan.FromMilliseconds(25));

        server.Run(arrivals: TimeSpan.FromMilliseconds(25) / 0.8, duration: TimeSpan.FromMinutes(1));

        Assert.Equal(0, server.Refused);
        Assert.InRange(server.Percentile(0.99).TotalMilliseconds, 25, 35);
    }

    private int Flood(int requests) => Enumerable.Range(0, requests).Count(_ => _backlog.TryEnter(Priority.Interactive));

    private void Overload()
    {
        int entered = Flood(20);
        _backlog.StartWaiting();
        _clock.Advance(Interval);
        Flood(1);
        _backlog.StopWaiting();
        for (int i = 0; i < entered; i++)
        {
            _backlog.Leave();
        }
    }
}
