using InferenceServer.Runtime.Scheduling;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Tests.Scheduling;

public class CpuStagesTests
{
    [Fact]
    public void Constructor_AnyNumberOfPlaces_LeavesThreadsForTheRest()
    {
        const int Places = 5;

        using CpuStages stages = new(Options.Create(new SchedulingOptions { CpuStages = Places }));

        ThreadPool.GetMinThreads(out int workers, out _);
        Assert.InRange(workers, Places + Environment.ProcessorCount, int.MaxValue);
    }
}
