using InferenceServer.Runtime.Buffers;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Models;

/// <summary>Returns memory to the system. Once a minute it drops unused buffers and, in a process of its own, runs the
/// postponed garbage collection; a second after buffers that are too large for the pool it runs one that waits for
/// nothing.</summary>
/// <remarks>A request allocates so little beside its pooled buffers that the oldest generation is collected less than
/// once an hour, and keeps tens of megabytes of old requests until then. A concurrent collection keeps the memory of large
/// arrays for the process; only an aggressive one returns it.</remarks>
internal sealed class MemoryUpkeep(IOptions<SegmentationOptions> options, TimeProvider clock) : BackgroundService
{
    private const long Worthwhile = 4 << 20;
    private const int TicksOfAMinute = 60;
    private static readonly TimeSpan Tick = TimeSpan.FromSeconds(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using PeriodicTimer timer = new(Tick, clock);
        // The wait ends with `false`, because a stop is not an error.
        await using CancellationTokenRegistration stop = stoppingToken.Register(timer.Dispose);
        long allocated = 0;
        for (long tick = 1; await timer.WaitForNextTickAsync(CancellationToken.None); tick++)
        {
            if (PooledArrays.TakeDroppedBytes() > 0 && options.Value.OwnsProcess)
            {
                GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            }

            if (tick % TicksOfAMinute != 0)
            {
                continue;
            }

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
