namespace InferenceServer.Runtime.Diagnostics;

/// <summary>Sums up one version of a model. A request is added once, when it has ended, so that all of its counts change together.</summary>
public sealed class InferenceStatistics
{
    private readonly Lock _lock = new();
    private readonly SortedDictionary<int, DurationSum> _runs = [];
    private InferenceTotals _totals = new();

    /// <summary>The sums as they stand now.</summary>
    public InferenceTotals Read()
    {
        lock (_lock)
        {
            return _totals with { Runs = new SortedDictionary<int, DurationSum>(_runs) };
        }
    }

    /// <summary>A request has ended.</summary>
    internal void Ended(bool succeeded, TimeSpan duration, StageTimings timings)
    {
        lock (_lock)
        {
            _totals = !succeeded ? _totals with { Fail = _totals.Fail.Plus(duration) } : _totals with
            {
                Success = _totals.Success.Plus(duration),
                Queue = _totals.Queue.Plus(timings[Stage.Queue]),
                ComputeInput = _totals.ComputeInput.Plus(timings[Stage.Decode] + timings[Stage.Preprocess]),
                ComputeInfer = _totals.ComputeInfer.Plus(timings[Stage.Infer]),
                ComputeOutput = _totals.ComputeOutput.Plus(timings[Stage.Postprocess] + timings[Stage.Crf] + timings[Stage.Encode]),
            };
        }
    }

    /// <summary>The network ran once.</summary>
    internal void Ran(int images, TimeSpan duration)
    {
        lock (_lock)
        {
            _runs[images] = _runs.GetValueOrDefault(images).Plus(duration);
            _totals = _totals with { LastRun = DateTimeOffset.UtcNow };
        }
    }
}
