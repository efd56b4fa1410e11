using InferenceServer.Runtime.Diagnostics;

namespace InferenceServer.OpenInference;

/// <summary>How often, and how long in all.</summary>
public sealed record StatisticDuration
{
    /// <summary>How often.</summary>
    public long Count { get; init; }

    /// <summary>Nanoseconds in all.</summary>
    public long Ns { get; init; }

    internal static StatisticDuration Of(DurationSum sum) => new() { Count = sum.Count, Ns = sum.Time.Ticks * TimeSpan.NanosecondsPerTick };
}
