using InferenceServer.Kernels;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Scheduling;
using InferenceServer.Runtime.Sessions;

namespace InferenceServer.Runtime.Tests.Scheduling;

public sealed class SessionSchedulerTests : IDisposable
{
    private readonly FakeSession _session = new();
    private readonly InputTensor _input = new(1, new ImageSize(1, 1));

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task RunAsync_ManyAtOnce_RunsNoMoreThanTheLimit(int concurrency)
    {
        SessionScheduler scheduler = new(_session, new SchedulingOptions { Concurrency = concurrency });
        Task<ModelOutput>[] runs = [.. Enumerable.Range(0, 12).Select(_ => Task.Run(() => scheduler.RunAsync(_input, new StageTimings(), CancellationToken.None).AsTask()))];
        _session.Gate.Set();
        foreach (ModelOutput output in await Task.WhenAll(runs))
        {
            output.Dispose();
        }

        Assert.Equal(12, _session.Runs);
        Assert.InRange(_session.MostAtOnce, 1, concurrency);
    }

    [Fact]
    public async Task RunAsync_CancelledInTheQueue_LeavesAtOnceAndNeverRuns()
    {
        SessionScheduler scheduler = new(_session, new SchedulingOptions());
        Task<ModelOutput> running = Task.Run(() => scheduler.RunAsync(_input, new StageTimings(), CancellationToken.None).AsTask());
        SpinWait.SpinUntil(() => _session.Runs == 1);
        using CancellationTokenSource cancellation = new();
        Task<ModelOutput> waiting = scheduler.RunAsync(_input, new StageTimings(), cancellation.Token).AsTask();

        await cancellation.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        _session.Gate.Set();
        (await running).Dispose();
        Assert.Equal(1, _session.Runs);
    }

    [Fact]
    public async Task RunAsync_CancelledWhileRunning_FreesTheSlot()
    {
        SessionScheduler scheduler = new(_session, new SchedulingOptions());
        using CancellationTokenSource cancellation = new();
        Task<ModelOutput> running = Task.Run(() => scheduler.RunAsync(_input, new StageTimings(), cancellation.Token).AsTask());
        SpinWait.SpinUntil(() => _session.Runs == 1);

        await cancellation.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
        _session.Gate.Set();
        (await scheduler.RunAsync(_input, new StageTimings(), CancellationToken.None)).Dispose();
    }

    [Fact]
    public async Task Close_RunUnderWay_FailsUntilItEnds()
    {
        using SessionScheduler scheduler = new(_session, new SchedulingOptions());
        Task<ModelOutput> running = Task.Run(() => scheduler.RunAsync(_input, new StageTimings(), CancellationToken.None).AsTask());
        SpinWait.SpinUntil(() => _session.Runs == 1);
        Assert.False(scheduler.Close(TimeSpan.Zero));

        _session.Gate.Set();
        (await running).Dispose();

        Assert.True(scheduler.Close(TimeSpan.Zero));
        using CancellationTokenSource cancellation = new();
        Task<ModelOutput> late = scheduler.RunAsync(_input, new StageTimings(), cancellation.Token).AsTask();
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => late);
        Assert.Equal(1, _session.Runs);
    }

    public void Dispose()
    {
        _input.Dispose();
        _session.Dispose();
    }
}
