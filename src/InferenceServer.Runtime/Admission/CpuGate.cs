using System.Diagnostics;
using InferenceServer.Runtime.Diagnostics;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Admission;

/// <summary>Lets a bounded number of requests compute outside of the network, so that decoding and encoding starve
/// neither it nor the server. The others wait in order, without a thread.</summary>
internal sealed class CpuGate : IDisposable
{
    private readonly SemaphoreSlim _places;

    /// <summary>Opens the gate. In a process of its own, the thread pool then keeps as many threads as it had for
    /// what does not compute.</summary>
    public CpuGate(IOptions<SegmentationOptions> options)
    {
        int places = options.Value.Scheduling.CpuSlots is > 0 and int slots ? slots : Environment.ProcessorCount;
        _places = new SemaphoreSlim(places);
        // Decoding a large image holds its thread for long; the pool would notice only after half a second that
        // nobody is left to say "alive".
        if (options.Value.OwnsProcess)
        {
            ThreadPool.GetMinThreads(out int workers, out int completions);
            ThreadPool.SetMinThreads(Math.Max(workers, Environment.ProcessorCount + places), completions);
        }
    }

    /// <summary>Waits for a slot.</summary>
    /// <param name="timings">Gets the wait as time in the queue.</param>
    /// <param name="cancellationToken">Leaves the queue at once.</param>
    /// <param name="backlog">Of the model that the request is on its way to; a request that has been there leaves it out.</param>
    /// <returns>The slot, which is free again when it is disposed.</returns>
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
