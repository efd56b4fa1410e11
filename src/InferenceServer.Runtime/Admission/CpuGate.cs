using System.Diagnostics;
using InferenceServer.Runtime.Diagnostics;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Admission;

/// <summary>Limits the requests that compute outside the network, so that decoding and encoding starve neither the
/// network nor the server. Other requests wait in order, without a thread.</summary>
internal sealed class CpuGate : IDisposable
{
    private readonly SemaphoreSlim _places;

    /// <summary>Makes the gate. In a process of its own, it also adds threads to the pool for work that does not
    /// compute.</summary>
    public CpuGate(IOptions<SegmentationOptions> options)
    {
        int places = options.Value.Scheduling.CpuSlots is > 0 and int slots ? slots : Environment.ProcessorCount;
        _places = new SemaphoreSlim(places);
        // Decoding a large image holds its thread for long; the pool would add a thread for probes only after half a
        // second.
        if (options.Value.OwnsProcess)
        {
            ThreadPool.GetMinThreads(out int workers, out int completions);
            ThreadPool.SetMinThreads(Math.Max(workers, Environment.ProcessorCount + places), completions);
        }
    }

    /// <summary>Waits for a slot.</summary>
    /// <param name="timings">Gets the wait as time in the queue.</param>
    /// <param name="cancellationToken">Leaves the queue at once.</param>
    /// <param name="backlog">The backlog of the request's model; null after inference.</param>
    /// <returns>The slot, released when it is disposed.</returns>
    internal async ValueTask<CpuSlot> EnterAsync(StageTimings timings, CancellationToken cancellationToken, Backlog? backlog = null)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (!_places.Wait(TimeSpan.Zero, CancellationToken.None))
        {
            await WaitAsync(timings, backlog, cancellationToken).ConfigureAwait(false);
        }

        return new CpuSlot(_places);
    }

    /// <summary>Frees the gate.</summary>
    public void Dispose() => _places.Dispose();

    private async Task WaitAsync(StageTimings timings, Backlog? backlog, CancellationToken cancellationToken)
    {
        long start = Stopwatch.GetTimestamp();
        backlog?.StartWaiting();
        try
        {
            await _places.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            backlog?.StopWaiting();
            timings.Add(Stage.Queue, Stopwatch.GetElapsedTime(start));
        }
    }
}

/// <summary>The right to compute on the processor, held by one stage of one request.</summary>
internal readonly struct CpuSlot(SemaphoreSlim slots) : IDisposable
{
    /// <summary>Frees the slot; called once.</summary>
    public void Dispose() => slots.Release();
}
