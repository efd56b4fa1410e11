namespace InferenceServer.Client;

/// <summary>One model of a server.</summary>
public sealed record ModelInfo
{
    /// <summary>The name that requests use.</summary>
    public required string Name { get; init; }

    /// <summary>LOADING, READY or UNAVAILABLE.</summary>
    public required string State { get; init; }

    /// <summary>Why it is unavailable.</summary>
    public string? Reason { get; init; }

    /// <summary>The version that answers unless a request names one.</summary>
    public int? Version { get; init; }
}
