namespace InferenceServer.Runtime.Diagnostics;

/// <summary>Sums up one version of a model. A request is added once, when it has ended, so that all of its counts
/// change together.</summary>
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

/// <summary>One version of a model since the server started, as of one moment.</summary>
internal sealed record InferenceTotals
{
    /// <summary>Requests that got their answer, from the first byte read to the last written.</summary>
    public DurationSum Success { get; init; }

    /// <summary>Admitted requests without an answer.</summary>
    public DurationSum Fail { get; init; }

    /// <summary>Of those that succeeded: waiting.</summary>
    public DurationSum Queue { get; init; }

    /// <summary>Of those that succeeded: bytes to the network's input.</summary>
    public DurationSum ComputeInput { get; init; }

    /// <summary>Of those that succeeded: the network.</summary>
    public DurationSum ComputeInfer { get; init; }

    /// <summary>Of those that succeeded: the network's output to bytes.</summary>
    public DurationSum ComputeOutput { get; init; }

    /// <summary>Runs of the network, by the number of images that shared them.</summary>
    public IReadOnlyDictionary<int, DurationSum> Runs { get; init; } = new Dictionary<int, DurationSum>();

    /// <summary>When the last run ended; null before the first.</summary>
    public DateTimeOffset? LastRun { get; init; }
}

/// <summary>How often something happened, and how long it took all in all.</summary>
/// <param name="Count">How often.</param>
/// <param name="Time">The sum.</param>
internal readonly record struct DurationSum(long Count, TimeSpan Time)
{
    /// <summary>One more.</summary>
    internal DurationSum Plus(TimeSpan time) => new(Count + 1, Time + time);
}
