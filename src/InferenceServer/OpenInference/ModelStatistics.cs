using System.Globalization;
using InferenceServer.Runtime.Diagnostics;

namespace InferenceServer.OpenInference;

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
