using InferenceServer.Runtime.Admission;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Tests.Admission;

public class CpuGateTests
{
    [Fact]
    public void Constructor_AnyNumberOfPlaces_LeavesThreadsForTheRest()
    {
        const int Places = 5;

        using CpuGate stages = new(Options.Create(new SchedulingOptions { CpuSlots = Places }));

        ThreadPool.GetMinThreads(out int workers, out _);
        Assert.InRange(workers, Places + Environment.ProcessorCount, int.MaxValue);
    }
}
