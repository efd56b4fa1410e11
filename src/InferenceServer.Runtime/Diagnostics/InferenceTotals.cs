namespace InferenceServer.Runtime.Diagnostics;

/// <summary>One version of a model since the server started, as of one moment.</summary>
public sealed record InferenceTotals
{
    /// <summary>Requests that got their answer, from the first byte read to the last written.</summary>
    public DurationSum Success { get; init; }

    /// <summary>Requests that were let in and got none.</summary>
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
