using System.Globalization;
using InferenceServer.Runtime.Diagnostics;

namespace InferenceServer.OpenInference;

/// <summary>Statistics of models since the server started.</summary>
public sealed record StatisticsReport
{
    /// <summary>One entry for each serving version.</summary>
    public required IReadOnlyList<ModelStatistics> ModelStats { get; init; }
}

/// <summary>Statistics of one version of a model since the server started, over all protocols and both forms.</summary>
public sealed record ModelStatistics
{
    /// <summary>The model's name.</summary>
    public required string Name { get; init; }

    /// <summary>The model's version.</summary>
    public required string Version { get; init; }

    /// <summary>Time of the last run, in milliseconds since 1970; 0 before the first.</summary>
    public required long LastInference { get; init; }

    /// <summary>Images through the network; a request with several passes has several.</summary>
    public required long InferenceCount { get; init; }

    /// <summary>Runs of the network.</summary>
    public required long ExecutionCount { get; init; }

    /// <summary>Statistics of requests.</summary>
    public required InferenceStats InferenceStats { get; init; }

    /// <summary>Statistics of runs, by batch size.</summary>
    public required IReadOnlyList<BatchStats> BatchStats { get; init; }

    /// <summary>Memory by device; always empty, because the runtime does not measure memory by model.</summary>
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

/// <summary>Statistics of a version's requests. <see cref="Success"/> also includes reading and writing.</summary>
public sealed record InferenceStats
{
    /// <summary>Requests with a successful response.</summary>
    public required StatisticDuration Success { get; init; }

    /// <summary>Admitted requests without a successful response, including requests whose client
    /// disconnected.</summary>
    public required StatisticDuration Fail { get; init; }

    /// <summary>Time in the queue; successful requests only, like the next three.</summary>
    public required StatisticDuration Queue { get; init; }

    /// <summary>Decoding and preprocessing.</summary>
    public required StatisticDuration ComputeInput { get; init; }

    /// <summary>The network.</summary>
    public required StatisticDuration ComputeInfer { get; init; }

    /// <summary>Postprocessing, refinement and encoding.</summary>
    public required StatisticDuration ComputeOutput { get; init; }

    /// <summary>Always 0: responses are not cached.</summary>
    public StatisticDuration CacheHit { get; init; } = new();

    /// <summary>Always 0: responses are not cached.</summary>
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

/// <summary>Statistics of runs of one batch size.</summary>
public sealed record BatchStats
{
    /// <summary>Images in a run.</summary>
    public required long BatchSize { get; init; }

    /// <summary>Number of runs; their preprocessing is timed by request.</summary>
    public required StatisticDuration ComputeInput { get; init; }

    /// <summary>The runs.</summary>
    public required StatisticDuration ComputeInfer { get; init; }

    /// <summary>Number of runs; their postprocessing is timed by request.</summary>
    public required StatisticDuration ComputeOutput { get; init; }

    internal static BatchStats Of(int images, DurationSum runs) => new()
    {
        BatchSize = images,
        ComputeInput = new StatisticDuration { Count = runs.Count },
        ComputeInfer = StatisticDuration.Of(runs),
        ComputeOutput = new StatisticDuration { Count = runs.Count },
    };
}

/// <summary>A number of events and their total time.</summary>
public sealed record StatisticDuration
{
    /// <summary>Number of events.</summary>
    public long Count { get; init; }

    /// <summary>Total nanoseconds.</summary>
    public long Ns { get; init; }

    internal static StatisticDuration Of(DurationSum sum) =>
        new() { Count = sum.Count, Ns = sum.Time.Ticks * TimeSpan.NanosecondsPerTick };
}
