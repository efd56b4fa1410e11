using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Sessions;

namespace InferenceServer.Runtime.Scheduling;

/// <summary>Lets a bounded number of runs into one session at a time; the others wait in order.</summary>
public sealed class SessionScheduler : IDisposable
{
    private readonly IModelSession _session;
    private readonly SemaphoreSlim _slots;
    private readonly int _concurrency;

    internal SessionScheduler(IModelSession session, SchedulingOptions options)
    {
        _session = session;
        _concurrency = options.Concurrency;
        _slots = new SemaphoreSlim(_concurrency);
    }

    /// <summary>Waits for a slot and runs the network on this thread.</summary>
    /// <param name="input">N×3×H×W; not disposed.</param>
    /// <param name="timings">Gets the time in the queue and in the network.</param>
    /// <param name="cancellationToken">Leaves the queue at once, or ends the run between two operators.</param>
    /// <returns>The output, which the caller disposes.</returns>
    public async ValueTask<ModelOutput> RunAsync(InputTensor input, StageTimings timings, CancellationToken cancellationToken)
    {
        using (timings.Measure(Stage.Queue))
        {
            await _slots.WaitAsync(cancellationToken).ConfigureAwait(false);
        }

        try
        {
            using (timings.Measure(Stage.Infer))
            {
                return _session.Run(input, cancellationToken);
            }
        }
        finally
        {
            _slots.Release();
        }
    }

    /// <summary>Waits until no run is under way and lets none in any more.</summary>
    /// <returns>Whether that came true within <paramref name="patience"/>; if not, the session must be left alone.</returns>
    public bool Close(TimeSpan patience)
    {
        long start = System.Diagnostics.Stopwatch.GetTimestamp();
        for (int taken = 0; taken < _concurrency; taken++)
        {
            TimeSpan left = patience - System.Diagnostics.Stopwatch.GetElapsedTime(start);
            if (!_slots.Wait(left > TimeSpan.Zero ? left : TimeSpan.Zero))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Frees the queue, once it is closed.</summary>
    public void Dispose() => _slots.Dispose();
}
