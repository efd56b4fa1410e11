using InferenceServer.Runtime.Buffers;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Models;

/// <summary>Gives memory back that a burst has needed: once a minute, buffers that were not used since, and in a
/// process of its own what the collector has put off.</summary>
/// <remarks>A request allocates so little beside its pooled buffers that the collector looks at its oldest generation
/// hardly once an hour, and keeps tens of megabytes of old requests until then.</remarks>
internal sealed class MemoryUpkeep(IOptions<SegmentationOptions> options, TimeProvider clock) : BackgroundService
{
    private const long Worthwhile = 4 << 20;
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using PeriodicTimer timer = new(Interval, clock);
        // Ends the wait with `false`: to be told to stop is no error.
        await using CancellationTokenRegistration stop = stoppingToken.Register(timer.Dispose);
        long allocated = 0;
        while (await timer.WaitForNextTickAsync(CancellationToken.None))
        {
            PooledArrays.Trim();
            long now = GC.GetTotalAllocatedBytes();
            if (options.Value.OwnsProcess && now - allocated > Worthwhile)
            {
                // Beside the requests, in some ten milliseconds.
                GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: false);
            }

            allocated = now;
        }
    }
}
