namespace InferenceServer.Runtime.Diagnostics;

/// <summary>The sums of one version of a model. A request is added once, at its end, so that all of its counts change
/// together.</summary>
internal sealed class InferenceStatistics
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

    /// <summary>A snapshot of the sums.</summary>
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

    /// <summary>Adds a request that has ended.</summary>
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

    /// <summary>Adds a run of the network.</summary>
    internal void Ran(int images, TimeSpan duration)
    {
        lock (_lock)
        {
            _runs[images] = _runs.GetValueOrDefault(images).Plus(duration);
            _lastRun = DateTimeOffset.UtcNow;
        }
    }
}

/// <summary>A snapshot of the sums of one version of a model since the server started.</summary>
internal sealed record InferenceTotals
{
    /// <summary>Successful requests: from the first byte read to the last byte written.</summary>
    public DurationSum Success { get; init; }

    /// <summary>Admitted requests that failed.</summary>
    public DurationSum Fail { get; init; }

    /// <summary>Successful requests: time in the queue.</summary>
    public DurationSum Queue { get; init; }

    /// <summary>Successful requests: time from bytes to the network's input.</summary>
    public DurationSum ComputeInput { get; init; }

    /// <summary>Successful requests: time in the network.</summary>
    public DurationSum ComputeInfer { get; init; }

    /// <summary>Successful requests: time from the network's output to bytes.</summary>
    public DurationSum ComputeOutput { get; init; }

    /// <summary>Runs of the network, by the number of images that shared them.</summary>
    public IReadOnlyDictionary<int, DurationSum> Runs { get; init; } = new Dictionary<int, DurationSum>();

    /// <summary>Time when the last run ended; null before the first run.</summary>
    public DateTimeOffset? LastRun { get; init; }
}

/// <summary>A number of events and their total time.</summary>
/// <param name="Count">Number of events.</param>
/// <param name="Time">Total time of the events.</param>
internal readonly record struct DurationSum(long Count, TimeSpan Time)
{
    /// <summary>The sum with one more event.</summary>
    internal DurationSum Plus(TimeSpan time) => new(Count + 1, Time + time);
}
