using InferenceServer.Runtime.Admission;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Tests.Admission;

public sealed class CpuGateTests : IDisposable
{
    private const int Places = 500;
    private readonly (int Workers, int Completions) _before = Threads();

    [Fact]
    public void Constructor_ProcessOfItsOwn_LeavesThreadsForTheRest()
    {
        using CpuGate gate = new(Create(ownsProcess: true));

        Assert.Equal(Places + Environment.ProcessorCount, Threads().Workers);
    }

    [Fact]
    public void Constructor_ProcessOfAnother_LeavesTheThreadPoolAlone()
    {
        using CpuGate gate = new(Create(ownsProcess: false));

        Assert.Equal(_before, Threads());
    }

    public void Dispose() => ThreadPool.SetMinThreads(_before.Workers, _before.Completions);

    private static IOptions<SegmentationOptions> Create(bool ownsProcess) =>
        Options.Create(new SegmentationOptions { OwnsProcess = ownsProcess, Scheduling = { CpuSlots = Places } });

    private static (int Workers, int Completions) Threads()
    {
        ThreadPool.GetMinThreads(out int workers, out int completions);
        return (workers, completions);
    }
}
