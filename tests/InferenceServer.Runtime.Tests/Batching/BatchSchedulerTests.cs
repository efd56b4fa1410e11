using InferenceServer.Kernels;
using InferenceServer.Runtime.Batching;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Sessions;
using static InferenceServer.Runtime.Tests.Batching.SchedulerCalls;

namespace InferenceServer.Runtime.Tests.Batching;

public sealed class BatchSchedulerTests : IDisposable
{
    private static readonly ImageSize Large = new(4, 4);
    private readonly FakeSession _session = new();
    private readonly SchedulingOptions _options = new();

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task RunAsync_ManyAtOnce_RunsNoMoreThanThereAreInstances(int instances)
    {
        BatchScheduler scheduler = Create(instances: instances);
        _session.Gate.Reset();
        Task<float>[] runs = [.. Enumerable.Range(0, 12).Select(i => RunAsync(scheduler, i))];
        await UntilAsync(() => _session.MostAtOnce == instances);
        Assert.Equal((12 - instances, instances), (scheduler.QueuedImages, scheduler.Running));
        Assert.Equal((12 - instances) * Small.Pixels, scheduler.Queued(Priority.Interactive).Pixels);

        _session.Gate.Set();

        Assert.Equal(Enumerable.Range(0, 12).Select(i => (float)i), await Task.WhenAll(runs));
        Assert.Equal(instances, _session.MostAtOnce);
    }

    [Fact]
    public async Task RunAsync_BatchesAllowed_TakesWhatWaitsWithTheSameSize()
    {
        BatchScheduler scheduler = Create(new BatchLimits(4, long.MaxValue, TimeSpan.Zero));
        Task<float>[] runs = await BlockedAsync(
            scheduler, (1, Small), (2, Large), (3, Small), (4, Small), (5, Large), (6, Small), (7, Small));

        _session.Gate.Set();

        float[] answers = await Task.WhenAll(runs);
        Assert.Equal([0, 1, 2, 3, 4, 5, 6, 7], answers);
        Assert.Equal([[0], [1, 3, 4, 6], [2, 5], [7]], _session.Runs);
    }

    [Fact]
    public async Task RunAsync_PixelLimit_BoundsTheBatchButNotOneImage()
    {
        BatchScheduler scheduler = Create(new BatchLimits(4, 2 * Small.Pixels, TimeSpan.Zero));
        Task<float>[] runs = await BlockedAsync(scheduler, (1, Small), (2, Small), (3, Small), (4, Large), (5, Large));

        _session.Gate.Set();

        await Task.WhenAll(runs);
        Assert.Equal([[0], [1, 2], [3], [4], [5]], _session.Runs);
    }

    [Fact]
    public async Task RunAsync_BatchClass_WaitsForPeopleButNotForEver()
    {
        BatchScheduler scheduler = Create();
        _session.Gate.Reset();
        List<Task<float>> runs = [RunAsync(scheduler, 0)];
        await UntilAsync(() => scheduler.Running == 1);
        runs.AddRange([RunAsync(scheduler, 100, priority: Priority.Background), RunAsync(scheduler, 101, priority: Priority.Background)]);
        runs.AddRange(Enumerable.Range(1, 16).Select(i => RunAsync(scheduler, i)));
        Assert.Equal((16, 16 * Small.Pixels), scheduler.Queued(Priority.Interactive));
        Assert.Equal((2, 2 * Small.Pixels), scheduler.Queued(Priority.Background));

        _session.Gate.Set();

        await Task.WhenAll(runs);
        Assert.Equal([0, 1, 2, 3, 4, 5, 6, 7, 100, 8, 9, 10, 11, 12, 13, 14, 101, 15, 16], _session.Runs.Select(r => r[0]));
    }

    [Fact]
    public async Task RunAsync_ManyOfOneClientWait_RunsEachOtherClientAfterOne()
    {
        BatchScheduler scheduler = Create();
        _session.Gate.Reset();
        List<Task<float>> runs = [RunAsync(scheduler, 0)];
        await UntilAsync(() => scheduler.Running == 1);
        runs.AddRange(Enumerable.Range(1, 4).Select(i => RunAsync(scheduler, i, client: Client.OfCaller("key:a"))));
        runs.AddRange(Enumerable.Range(11, 2).Select(i => RunAsync(scheduler, i, client: Client.OfCaller("key:b"))));

        _session.Gate.Set();

        await Task.WhenAll(runs);
        Assert.Equal([0, 1, 11, 2, 12, 3, 4], _session.Runs.Select(r => r[0]));
    }

    [Fact]
    public async Task RunAsync_CancelledInTheQueue_LeavesAtOnceAndNeverRuns()
    {
        BatchScheduler scheduler = Create();
        _session.Gate.Reset();
        Task<float> running = RunAsync(scheduler, 1);
        await UntilAsync(() => scheduler.Running == 1);
        using CancellationTokenSource cancellation = new();
        Task<float> waiting = RunAsync(scheduler, 2, cancellationToken: cancellation.Token);
        Assert.Equal(1, scheduler.QueuedImages);

        await cancellation.CancelAsync();

        Assert.Equal((0, 0L), scheduler.Queued(Priority.Interactive));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        _session.Gate.Set();
        Assert.Equal(1, await running);
        Assert.Equal([[1]], _session.Runs);
    }

    [Fact]
    public async Task RunAsync_CancelledWhileItRuns_EndsTheRun()
    {
        BatchScheduler scheduler = Create();
        _session.Gate.Reset();
        using CancellationTokenSource cancellation = new();
        Task<float> running = RunAsync(scheduler, 1, cancellationToken: cancellation.Token);
        await UntilAsync(() => scheduler.Running == 1);

        await cancellation.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
        Assert.Equal(1, _session.Cancelled);
        _session.Gate.Set();
        Assert.Equal(2, await RunAsync(scheduler, 2));
    }

    [Fact]
    public async Task RunAsync_OneOfABatchLeaves_TheOthersGetTheirAnswers()
    {
        BatchScheduler scheduler = Create(new BatchLimits(4, long.MaxValue, TimeSpan.Zero));
        _session.Gate.Reset();
        using CancellationTokenSource first = new(), second = new();
        Task<float> blocking = RunAsync(scheduler, 0, cancellationToken: first.Token);
        await UntilAsync(() => scheduler.Running == 1);
        Task<float> leaving = RunAsync(scheduler, 1, cancellationToken: second.Token), staying = RunAsync(scheduler, 2);
        await first.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => blocking);
        await UntilAsync(() => scheduler.Running == 2);

        await second.CancelAsync();
        _session.Gate.Set();

        Assert.Equal(2, await staying);
        await leaving; // its answer was there all the same; who left looks at no answer
        Assert.Equal(1, _session.Cancelled);
    }

    [Fact]
    public async Task RunAsync_AllOfABatchLeave_EndsTheRun()
    {
        BatchScheduler scheduler = Create(new BatchLimits(4, long.MaxValue, TimeSpan.Zero));
        using CancellationTokenSource cancellation = new();
        _session.Gate.Reset();
        Task<float> first = RunAsync(scheduler, 0, cancellationToken: cancellation.Token);
        await UntilAsync(() => scheduler.Running == 1);
        Task<float>[] others = [.. Enumerable.Range(1, 3).Select(i => RunAsync(scheduler, i, cancellationToken: cancellation.Token))];

        await cancellation.CancelAsync();

        foreach (Task<float> run in others.Prepend(first))
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run);
        }

        await UntilAsync(() => scheduler.Running == 0);
    }

    [Fact]
    public async Task RunAsync_BatchFails_EachRunsAloneAndOnlyTheCulpritFails()
    {
        using FakeSession session = new()
        {
            Fails = input =>
                Enumerable.Range(0, input.Batch)
                    .Any(i => input.Values.Span[i * input.Values.Length / input.Batch] == 2),
        };
        BatchScheduler scheduler = new(
            "fake", session, new BatchLimits(4, long.MaxValue, TimeSpan.Zero), 1,
            new Backlog(1, 4, _options, TimeProvider.System), TimeProvider.System);
        session.Gate.Reset();
        Task<float> blocking = RunAsync(scheduler, 0);
        await UntilAsync(() => scheduler.Running == 1);
        Task<float>[] runs = [.. Enumerable.Range(1, 3).Select(i => RunAsync(scheduler, i))];

        session.Gate.Set();

        await blocking;
        Assert.Equal(1, await runs[0]);
        Assert.Equal(SegmentationError.InferenceFailed, (await Assert.ThrowsAsync<SegmentationException>(() => runs[1])).Error);
        Assert.Equal(3, await runs[2]);
        Assert.Equal([[0], [1, 2, 3], [1], [2], [3]], session.Runs);
        Assert.True(scheduler.Close(MaxWait));
    }

    [Fact]
    public async Task RunAsync_CompanyOnTheWay_IsWaitedFor()
    {
        Backlog backlog = new(1, 2, _options, TimeProvider.System);
        BatchScheduler scheduler = Create(new BatchLimits(2, long.MaxValue, TimeSpan.FromMinutes(1)), backlog: backlog);
        Assert.True(backlog.TryEnter(Priority.Interactive));
        // Two requests are admitted; the first in the queue waits for the other.
        Assert.True(backlog.TryEnter(Priority.Interactive));

        Task<float> first = RunAsync(scheduler, 1);
        Task<float> second = RunAsync(scheduler, 2);

        await Task.WhenAll(first, second);
        Assert.Equal([[1, 2]], _session.Runs);
    }

    [Fact]
    public async Task RunAsync_NobodyOnTheWay_RunsAtOnce()
    {
        BatchScheduler scheduler = Create(new BatchLimits(2, long.MaxValue, TimeSpan.FromMinutes(1)));
        Assert.Equal(1, await RunAsync(scheduler, 1).WaitAsync(MaxWait));
    }

    [Fact]
    public async Task RunAsync_AnyEnd_TellsTheTimeInQueueAndNetwork()
    {
        BatchScheduler scheduler = Create();
        StageTimings timings = new();
        using InputTensor input = Input(1, Small);
        (await scheduler.RunAsync(input, new RunContext(Priority.Interactive, timings), CancellationToken.None)).Dispose();
        Assert.True(timings[Stage.Infer] > TimeSpan.Zero);
        Assert.Equal(Stage.Infer, timings.Current);
    }

    [Fact]
    public async Task Close_RunUnderWay_RefusesTheOthersAndFailsUntilItEnds()
    {
        BatchScheduler scheduler = Create();
        _session.Gate.Reset();
        Task<float> running = RunAsync(scheduler, 1);
        await UntilAsync(() => scheduler.Running == 1);
        Task<float> waiting = RunAsync(scheduler, 2);

        Assert.False(scheduler.Close(TimeSpan.Zero));

        Assert.Equal(SegmentationError.ModelNotReady, (await Assert.ThrowsAsync<SegmentationException>(() => waiting)).Error);
        Assert.Equal(
            SegmentationError.ModelNotReady,
            (await Assert.ThrowsAsync<SegmentationException>(() => RunAsync(scheduler, 3))).Error);
        _session.Gate.Set();
        Assert.Equal(1, await running);
        Assert.True(scheduler.Close(MaxWait));
        Assert.Equal([[1]], _session.Runs);
    }

    /// <summary>Sizes, classes, cancellations and failures in any order: who stays gets the own answer, and nothing
    /// is left behind.</summary>
    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 4)]
    [InlineData(3, 8)]
    public async Task RunAsync_Stress_EveryoneGetsTheirOwnAnswer(int instances, int batch)
    {
        // Some batches fail, no single image does.
        using FakeSession session = new() { Fails = input => input.Batch > 2 && input.Values.Span[0] % 7 == 0 };
        Backlog backlog = new(instances, batch, _options, TimeProvider.System);
        BatchScheduler scheduler = new(
            "fake", session, new BatchLimits(batch, 40, TimeSpan.FromMilliseconds(1)), instances, backlog,
            TimeProvider.System);
        int answered = 0, cancelled = 0;
        await Parallel.ForEachAsync(Enumerable.Range(0, 4000), new ParallelOptions { MaxDegreeOfParallelism = 32 }, async (i, _) =>
        {
            Random random = new(i);
            using CancellationTokenSource cancellation = new();
            Task<float> run = RunAsync(
                scheduler, i, new ImageSize(random.Next(1, 4), 2), (Priority)random.Next(2), cancellationToken: cancellation.Token);
            if (random.Next(4) == 0)
            {
                await Task.Yield();
                await cancellation.CancelAsync();
            }

            try
            {
                Assert.Equal(i, await run);
                Interlocked.Increment(ref answered);
            }
            catch (OperationCanceledException)
            {
                Interlocked.Increment(ref cancelled);
            }
        });

        Assert.Equal(4000, answered + cancelled);
        Assert.InRange(answered, 3000, 4000);
        Assert.True(scheduler.Close(MaxWait));
        Assert.Equal(((0, 0L), 0), (scheduler.Queued(Priority.Interactive), scheduler.Running));
        Assert.All(session.Runs, run => Assert.InRange(run.Length, 1, batch));
        Assert.InRange(session.MostAtOnce, 1, instances);
    }

    public void Dispose() => _session.Gate.Set();

    private BatchScheduler Create(BatchLimits? limits = null, int instances = 1, Backlog? backlog = null)
    {
        limits ??= BatchLimits.None;
        return new BatchScheduler(
            "fake", _session, limits, instances,
            backlog ?? new Backlog(instances, limits.Images, _options, TimeProvider.System), TimeProvider.System);
    }

    /// <summary>Occupies the only instance with image 0 and queues the others behind it, in order.</summary>
    private async Task<Task<float>[]> BlockedAsync(BatchScheduler scheduler, params (int Id, ImageSize Size)[] images)
    {
        _session.Gate.Reset();
        Task<float> first = RunAsync(scheduler, 0);
        await UntilAsync(() => scheduler.Running == 1);
        return [first, .. images.Select(i => RunAsync(scheduler, i.Id, i.Size))];
    }
}
