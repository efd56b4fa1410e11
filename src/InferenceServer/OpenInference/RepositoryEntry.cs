namespace InferenceServer.OpenInference;

/// <summary>A model of the repository.</summary>
public sealed record RepositoryEntry
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>A version that serves; empty where none does.</summary>
    public required string Version { get; init; }

    /// <summary>READY, LOADING or UNAVAILABLE.</summary>
    public required string State { get; init; }

    /// <summary>Why it is unavailable, or why a version that should serve does not; else empty.</summary>
    public required string Reason { get; init; }
}
