using InferenceServer.Runtime.Buffers;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Models;

/// <summary>Returns memory to the system: a second after the last request, and once a minute under load. Large arrays that
/// leave the pool need no upkeep: the pool gives their memory back at once.</summary>
/// <remarks>A request allocates so little beside its pooled buffers that the oldest generation is collected less than
/// once an hour, and keeps tens of megabytes of old requests until then. A concurrent collection keeps the address space of
/// large arrays; only an aggressive one returns it, and it stops all threads, so it waits until nothing is in use.</remarks>
internal sealed class MemoryUpkeep(IOptions<SegmentationOptions> options, TimeProvider clock) : BackgroundService
{
    private const long Worthwhile = 4 << 20;
    private const long Idle = 1 << 20; // a scrape of the metrics takes a buffer
    private const int TicksOfAMinute = 60;
    private static readonly TimeSpan Tick = TimeSpan.FromSeconds(1);
    private long _rents, _trimmed, _dropped, _allocated;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using PeriodicTimer timer = new(Tick, clock);
        // The wait ends with `false`, because a stop is not an error.
        await using CancellationTokenRegistration stop = stoppingToken.Register(timer.Dispose);
        for (long tick = 1; await timer.WaitForNextTickAsync(CancellationToken.None); tick++)
        {
            long rents = PooledArrays.Rents;
            bool isIdle = PooledArrays.RentedBytes < Idle && rents == _rents;
            _rents = rents;
            if (tick % TicksOfAMinute == 0)
            {
                PooledArrays.Trim();
                Collect();
            }

            _dropped += PooledArrays.TakeDroppedBytes();
            if (!options.Value.OwnsProcess)
            {
                continue;
            }

            if (isIdle && _dropped > 0)
            {
                GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
                _dropped = 0;
            }

            if (rents != _trimmed && (isIdle || tick % TicksOfAMinute == 0))
            {
                NativeHeap.Trim();
                _trimmed = rents;
            }
        }
    }

    private void Collect()
    {
        long now = GC.GetTotalAllocatedBytes();
        if (options.Value.OwnsProcess && now - _allocated > Worthwhile)
        {
            // The collection runs beside requests, in about ten milliseconds.
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: false);
        }

        _allocated = now;
    }
}
