using InferenceServer.Runtime.Batching;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Sessions;
using static InferenceServer.Runtime.Tests.Batching.SchedulerCalls;

namespace InferenceServer.Runtime.Tests.Batching;

/// <summary>Two instances, and a session that a run may have to itself.</summary>
public sealed class ElasticRunsTests : IDisposable
{
    private readonly FakeSession _session = new();
    private readonly SchedulingOptions _options = new();

    [Fact]
    public async Task RunAsync_OneAfterAnother_EachHasAllProcessors()
    {
        using FakeSession beside = new();
        BatchScheduler scheduler = CreateElastic(beside);

        await RunAsync(scheduler, 1);
        await RunAsync(scheduler, 2);

        Assert.Equal([[1], [2]], _session.Runs);
        Assert.Empty(beside.Runs);
    }

    [Fact]
    public async Task RunAsync_WhileOneHasAllProcessors_WaitsForItsEnd()
    {
        using FakeSession beside = new();
        BatchScheduler scheduler = CreateElastic(beside);
        _session.Gate.Reset();
        Task<float> first = RunAsync(scheduler, 1);
        await UntilAsync(() => scheduler.Running == 1);
        Task<float> second = RunAsync(scheduler, 2);
        Assert.Equal((1, 1), (scheduler.QueuedImages, scheduler.Running));

        _session.Gate.Set();

        Assert.Equal(3, await first + await second);
        Assert.Equal([[1], [2]], _session.Runs); // and then it has them itself
        Assert.Empty(beside.Runs);
    }

    [Fact]
    public async Task RunAsync_EnoughWaitForAllInstances_RunBesideEachOther()
    {
        using FakeSession beside = new();
        BatchScheduler scheduler = CreateElastic(beside);
        _session.Gate.Reset();
        beside.Gate.Reset();
        Task<float> first = RunAsync(scheduler, 1);
        await UntilAsync(() => scheduler.Running == 1);
        Task<float>[] others = [RunAsync(scheduler, 2), RunAsync(scheduler, 3)];

        _session.Gate.Set();
        await UntilAsync(() => beside.MostAtOnce == 2);
        Task<float> late = RunAsync(scheduler, 4);
        beside.Gate.Set();

        await Task.WhenAll([first, late, .. others]);
        Assert.Equal([1], _session.Runs[0]);
        Assert.Equal([2f, 3f], beside.Runs.Take(2).Select(r => r[0]).Order());
    }

    [Fact]
    public async Task RunAsync_TheOneOnAllProcessorsFailsOrLeaves_LetsTheNextRun()
    {
        using FakeSession alone = new() { Fails = input => input.Values.Span[0] == 1 };
        using FakeSession beside = new();
        BatchScheduler scheduler = CreateElastic(beside, alone);
        using CancellationTokenSource cancellation = new();
        await Assert.ThrowsAsync<SegmentationException>(() => RunAsync(scheduler, 1));
        await UntilAsync(() => scheduler.Running == 0);
        alone.Gate.Reset();
        Task<float> leaving = RunAsync(scheduler, 2, cancellationToken: cancellation.Token);
        await UntilAsync(() => scheduler.Running == 1);
        Task<float> waiting = RunAsync(scheduler, 3);

        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => leaving);
        alone.Gate.Set();

        Assert.Equal(3, await waiting);
    }

    public void Dispose() => _session.Gate.Set();

    private BatchScheduler CreateElastic(FakeSession beside, FakeSession? alone = null) =>
        new(
            "fake", new ElasticSession(alone ?? _session, beside, weights: null), BatchLimits.None, 2,
            new Backlog(2, 1, _options, TimeProvider.System), TimeProvider.System);
}
