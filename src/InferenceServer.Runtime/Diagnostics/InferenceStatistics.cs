namespace InferenceServer.Runtime.Diagnostics;

/// <summary>Sums up one version of a model. A request is added once, when it has ended, so that all of its counts change together.</summary>
public sealed class InferenceStatistics
{
    private readonly Lock _lock = new();
    private readonly SortedDictionary<int, DurationSum> _runs = [];
    private DurationSum _success;
    private DurationSum _fail;
    private DurationSum _queue;
    private DurationSum _computeInput;
    private DurationSum _computeInfer;
    private DurationSum _computeOutput;
    private DateTimeOffset? _lastRun;

    /// <summary>The sums as they stand now.</summary>
    public InferenceTotals Read()
    {
        lock (_lock)
        {
            return new InferenceTotals
            {
                Success = _success,
                Fail = _fail,
                Queue = _queue,
                ComputeInput = _computeInput,
                ComputeInfer = _computeInfer,
                ComputeOutput = _computeOutput,
                Runs = new SortedDictionary<int, DurationSum>(_runs),
                LastRun = _lastRun,
            };
        }
    }

    /// <summary>A request has ended.</summary>
    internal void Ended(bool succeeded, TimeSpan duration, StageTimings timings)
    {
        lock (_lock)
        {
            if (!succeeded)
            {
                _fail = _fail.Plus(duration);
                return;
            }

            _success = _success.Plus(duration);
            _queue = _queue.Plus(timings[Stage.Queue]);
            _computeInput = _computeInput.Plus(timings[Stage.Decode] + timings[Stage.Preprocess]);
            _computeInfer = _computeInfer.Plus(timings[Stage.Infer]);
            _computeOutput = _computeOutput.Plus(timings[Stage.Postprocess] + timings[Stage.Crf] + timings[Stage.Encode]);
        }
    }

    /// <summary>The network ran once.</summary>
    internal void Ran(int images, TimeSpan duration)
    {
        lock (_lock)
        {
            _runs[images] = _runs.GetValueOrDefault(images).Plus(duration);
            _lastRun = DateTimeOffset.UtcNow;
        }
    }
}
