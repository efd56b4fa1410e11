namespace InferenceServer.OpenInference;

/// <summary>How requests share runs.</summary>
public sealed record DynamicBatching
{
    /// <summary>The largest batch, which a run takes if so many wait.</summary>
    public required IReadOnlyList<int> PreferredBatchSize { get; init; }

    /// <summary>Longest wait for company.</summary>
    public required long MaxQueueDelayMicroseconds { get; init; }
}
