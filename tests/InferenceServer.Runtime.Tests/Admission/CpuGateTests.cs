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

        Assert.Equal(["a", "b", "c", "a", "b", "a", "a"], turns);

        async Task TurnAsync(char client)
        {
            using CpuSlot slot = await gate.EnterAsync(
                new StageTimings(), CancellationToken.None, client: Client.OfCaller($"key:{client}"));
            turns.Add($"{client}");
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
