namespace InferenceServer.OpenInference;

/// <summary>What models have done since the server started.</summary>
public sealed record StatisticsReport
{
    /// <summary>One entry for each version that serves.</summary>
    public required IReadOnlyList<ModelStatistics> ModelStats { get; init; }
}
