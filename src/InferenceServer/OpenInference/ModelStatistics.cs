using System.Globalization;
using InferenceServer.Runtime.Diagnostics;

namespace InferenceServer.OpenInference;

/// <summary>What models have done since the server started.</summary>
public sealed record StatisticsReport
{
    /// <summary>One entry for each version that serves.</summary>
    public required IReadOnlyList<ModelStatistics> ModelStats { get; init; }
}

/// <summary>What one version of a model has done since the server started, by every protocol and in both of its forms.</summary>
public sealed record ModelStatistics
{
    /// <summary>The model.</summary>
    public required string Name { get; init; }

    /// <summary>Its version.</summary>
    public required string Version { get; init; }

    /// <summary>When the network ran last, in milliseconds since 1970; 0 before it did.</summary>
    public required long LastInference { get; init; }

    /// <summary>Images that went through the network; a request of several passes has several.</summary>
    public required long InferenceCount { get; init; }

    /// <summary>Runs of the network.</summary>
    public required long ExecutionCount { get; init; }

    /// <summary>Requests.</summary>
    public required InferenceStats InferenceStats { get; init; }

    /// <summary>Runs, by the number of images that shared them.</summary>
    public required IReadOnlyList<BatchStats> BatchStats { get; init; }

    /// <summary>Memory by device; the runtime does not tell it for each model, so it is empty.</summary>
    public IReadOnlyList<object> MemoryUsage { get; init; } = [];

    internal static ModelStatistics Of(string name, int version, InferenceTotals totals) => new()
    {
        Name = name,
        Version = version.ToString(CultureInfo.InvariantCulture),
        LastInference = totals.LastRun?.ToUnixTimeMilliseconds() ?? 0,
        InferenceCount = totals.Runs.Sum(r => r.Key * r.Value.Count),
        ExecutionCount = totals.Runs.Sum(r => r.Value.Count),
        InferenceStats = InferenceStats.Of(totals),
        BatchStats = [.. totals.Runs.Select(r => OpenInference.BatchStats.Of(r.Key, r.Value))],
    };
}

/// <summary>Requests of one version of a model. What is left of <see cref="Success"/> without queue and compute is
/// reading and writing.</summary>
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

/// <summary>Runs of the network with one number of images.</summary>
public sealed record BatchStats
{
    /// <summary>How many images shared the run.</summary>
    public required long BatchSize { get; init; }

    /// <summary>Inputs are prepared for each request, not for each run: counted here, timed there.</summary>
    public required StatisticDuration ComputeInput { get; init; }

    /// <summary>The runs.</summary>
    public required StatisticDuration ComputeInfer { get; init; }

    /// <summary>Outputs are read for each request, not for each run: counted here, timed there.</summary>
    public required StatisticDuration ComputeOutput { get; init; }

    internal static BatchStats Of(int images, DurationSum runs) => new()
    {
        BatchSize = images,
        ComputeInput = new StatisticDuration { Count = runs.Count },
        ComputeInfer = StatisticDuration.Of(runs),
        ComputeOutput = new StatisticDuration { Count = runs.Count },
    };
}

/// <summary>How often, and how long in all.</summary>
public sealed record StatisticDuration
{
    /// <summary>How often.</summary>
    public long Count { get; init; }

    /// <summary>Nanoseconds in all.</summary>
    public long Ns { get; init; }

    internal static StatisticDuration Of(DurationSum sum) => new() { Count = sum.Count, Ns = sum.Time.Ticks * TimeSpan.NanosecondsPerTick };
}
