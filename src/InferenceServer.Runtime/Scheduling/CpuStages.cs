using System.Diagnostics;
using InferenceServer.Runtime.Diagnostics;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Scheduling;

/// <summary>Lets a bounded number of requests compute outside of the network, so that decoding and encoding starve neither it nor the server. The others wait in order, without a thread.</summary>
public sealed class CpuStages : IDisposable
{
    private readonly SemaphoreSlim _places;

    /// <summary>Opens the gate, and has the thread pool keep as many threads as it had for what does not compute.</summary>
    public CpuStages(IOptions<SchedulingOptions> options)
    {
        int places = options.Value.CpuStages > 0 ? options.Value.CpuStages : Environment.ProcessorCount;
        _places = new SemaphoreSlim(places);
        // Decoding a large photograph holds its thread for long; the pool would notice only after half a second that nobody is left to say "alive".
        ThreadPool.GetMinThreads(out int workers, out int completions);
        ThreadPool.SetMinThreads(Math.Max(workers, Environment.ProcessorCount + places), completions);
    }

    /// <summary>Waits for a turn.</summary>
    /// <param name="timings">Gets the wait as time in the queue.</param>
    /// <param name="cancellationToken">Leaves the queue at once.</param>
    /// <param name="backlog">Of the model that the request is on its way to; a request that has been there leaves it out.</param>
    /// <returns>The turn, which ends when it is disposed.</returns>
    internal async ValueTask<Turn> EnterAsync(StageTimings timings, CancellationToken cancellationToken, Backlog? backlog = null)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (!_places.Wait(TimeSpan.Zero, CancellationToken.None))
        {
            await WaitAsync(timings, backlog, cancellationToken).ConfigureAwait(false);
        }

        return new Turn(_places);
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

    /// <summary>Leave to compute.</summary>
    internal readonly struct Turn(SemaphoreSlim places) : IDisposable
    {
        /// <summary>Lets the next one in; called once.</summary>
        public void Dispose() => places.Release();
    }
}
