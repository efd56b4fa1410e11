using InferenceServer.Runtime.Buffers;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Models;

/// <summary>Returns memory after a burst, once a minute: drops unused buffers and, in a process of its own, runs the
/// postponed garbage collection.</summary>
/// <remarks>A request allocates so little beside its pooled buffers that the oldest generation is collected less than
/// once an hour, and keeps tens of megabytes of old requests until then.</remarks>
internal sealed class MemoryUpkeep(IOptions<SegmentationOptions> options, TimeProvider clock) : BackgroundService
{
    private const long Worthwhile = 4 << 20;
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using PeriodicTimer timer = new(Interval, clock);
        // The wait ends with `false`, because a stop is not an error.
        await using CancellationTokenRegistration stop = stoppingToken.Register(timer.Dispose);
        long allocated = 0;
        while (await timer.WaitForNextTickAsync(CancellationToken.None))
        {
            PooledArrays.Trim();
            long now = GC.GetTotalAllocatedBytes();
            if (options.Value.OwnsProcess && now - allocated > Worthwhile)
            {
                // The collection runs beside requests, in about ten milliseconds.
                GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: false);
            }

            allocated = now;
        }
    }
}
