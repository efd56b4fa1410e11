using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Diagnostics;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Tests.Admission;

public sealed class CpuGateTests : IDisposable
{
    private const int Places = 500;
    private readonly (int Workers, int Completions) _before = Threads();

    [Fact]
    public void Constructor_ProcessOfItsOwn_LeavesThreadsForTheRest()
    {
        _ = new CpuGate(Create(ownsProcess: true));

        Assert.Equal(Places + Environment.ProcessorCount, Threads().Workers);
    }

    [Fact]
    public void Constructor_ProcessOfAnother_LeavesTheThreadPoolAlone()
    {
        _ = new CpuGate(Create(ownsProcess: false));

        Assert.Equal(_before, Threads());
    }

    [Fact]
    public async Task EnterAsync_ManyOfOneClientWait_LetsEachOtherClientInAfterOne()
    {
        CpuGate gate = new(Create(ownsProcess: false, slots: 1));
        List<string> turns = [];
        CpuSlot busy = await gate.EnterAsync(new StageTimings(), CancellationToken.None);

        Task all = Task.WhenAll("aaaabbc".Select(TurnAsync));
        busy.Dispose();
        await all;

        Assert.Equal(["a", "b", "c"], turns.Take(3));
        Assert.Equal(7, turns.Count);

        async Task TurnAsync(char client)
        {
            using CpuSlot slot = await gate.EnterAsync(
                new StageTimings(), CancellationToken.None, client: Client.OfCaller($"key:{client}"));
            turns.Add($"{client}");
        }
    }

    [Fact]
    public void FairQueue_ClientWithLongTurns_WaitsForThatOfShortOnes()
    {
        Client slow = Client.OfCaller("key:slow"), quick = Client.OfCaller("key:quick");
        FairQueue<string> queue = new();
        foreach (string item in (string[])["s1", "s2", "s3"])
        {
            queue.Add(slow, item);
        }

        List<string> turns = [];
        Take(slow, cost: 10);
        foreach (string item in (string[])["q1", "q2", "q3"])
        {
            queue.Add(quick, item); // begins at 10, with the client that is next
        }

        Take(slow, cost: 10);
        Take(quick, cost: 1);
        Take(quick, cost: 1);
        Take(quick, cost: 1);
        Take(slow, cost: 10);

        Assert.Equal(["s1", "s2", "q1", "q2", "q3", "s3"], turns);
        Assert.Equal(0, queue.Count);

        void Take(Client client, double cost)
        {
            Assert.True(queue.TryTake(0, out string? item));
            turns.Add(item);
            queue.Charge(client, cost);
        }
    }

    [Fact]
    public async Task EnterAsync_CancelledInTheQueue_LeavesTheSlotToTheNext()
    {
        CpuGate gate = new(Create(ownsProcess: false, slots: 1));
        CpuSlot busy = await gate.EnterAsync(new StageTimings(), CancellationToken.None);
        using CancellationTokenSource stop = new();
        Task<CpuSlot> gone = gate.EnterAsync(new StageTimings(), stop.Token).AsTask();
        Task<CpuSlot> next = gate.EnterAsync(new StageTimings(), CancellationToken.None).AsTask();

        await stop.CancelAsync();
        busy.Dispose();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => gone);
        (await next).Dispose();
        (await gate.EnterAsync(new StageTimings(), CancellationToken.None)).Dispose();
    }

    public void Dispose() => ThreadPool.SetMinThreads(_before.Workers, _before.Completions);

    private static IOptions<SegmentationOptions> Create(bool ownsProcess, int slots = Places) =>
        Options.Create(new SegmentationOptions { OwnsProcess = ownsProcess, Scheduling = { CpuSlots = slots } });

    private static (int Workers, int Completions) Threads()
    {
        ThreadPool.GetMinThreads(out int workers, out int completions);
        return (workers, completions);
    }
}
