namespace InferenceServer.Jobs;

/// <summary>How far a job is.</summary>
public sealed record JobStatus
{
    /// <summary>Its name in addresses.</summary>
    public required string Id { get; init; }

    /// <summary>queued, running, done or failed.</summary>
    public required JobState State { get; init; }

    /// <summary>Images that have their mask.</summary>
    public required int Masks { get; init; }

    /// <summary>Images that are told why they have none.</summary>
    public required int Failures { get; init; }

    /// <summary>Why it cannot go on.</summary>
    public string? Reason { get; init; }

    /// <summary>When it was done, or failed; null before.</summary>
    public DateTimeOffset? Ended { get; init; }
}
