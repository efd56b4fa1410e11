using InferenceServer.Runtime.Diagnostics;

namespace InferenceServer.OpenInference;

/// <summary>Requests of one version of a model. What is left of <see cref="Success"/> without queue and compute is reading and writing.</summary>
public sealed record InferenceStats
{
    /// <summary>Requests that got their answer.</summary>
    public required StatisticDuration Success { get; init; }

    /// <summary>Requests that were let in and got none, those included whose client went away.</summary>
    public required StatisticDuration Fail { get; init; }

    /// <summary>Waiting; of those that succeeded, like the three that follow.</summary>
    public required StatisticDuration Queue { get; init; }

    /// <summary>Decoding and preparing.</summary>
    public required StatisticDuration ComputeInput { get; init; }

    /// <summary>The network.</summary>
    public required StatisticDuration ComputeInfer { get; init; }

    /// <summary>The network's output to the answer's bytes.</summary>
    public required StatisticDuration ComputeOutput { get; init; }

    /// <summary>There is no cache of answers: 0.</summary>
    public StatisticDuration CacheHit { get; init; } = new();

    /// <summary>There is no cache of answers: 0.</summary>
    public StatisticDuration CacheMiss { get; init; } = new();

    internal static InferenceStats Of(InferenceTotals totals) => new()
    {
        Success = StatisticDuration.Of(totals.Success),
        Fail = StatisticDuration.Of(totals.Fail),
        Queue = StatisticDuration.Of(totals.Queue),
        ComputeInput = StatisticDuration.Of(totals.ComputeInput),
        ComputeInfer = StatisticDuration.Of(totals.ComputeInfer),
        ComputeOutput = StatisticDuration.Of(totals.ComputeOutput),
    };
}
