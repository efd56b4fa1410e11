using InferenceServer.Runtime.Diagnostics;

namespace InferenceServer.Runtime.Admission;

/// <summary>What is known of a request before its image is read.</summary>
internal readonly record struct AdmissionRequest
{
    /// <summary>A model's name; null takes the default.</summary>
    public string? Model { get; init; }

    /// <summary>The number of a version that serves; null takes the newest.</summary>
    public int? Version { get; init; }

    /// <summary>Bytes of the encoded image as announced; 0 where nothing was.</summary>
    public long Bytes { get; init; }

    /// <summary>Who waits for the answer.</summary>
    public Priority Priority { get; init; }

    /// <summary>The time that the caller gives; null takes the usual, and what is longer than allowed is cut.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>Receives the time of each stage; null makes new timings.</summary>
    public StageTimings? Timings { get; init; }

    /// <summary>Cancelled when the caller goes away.</summary>
    public CancellationToken Caller { get; init; }
}

/// <summary>Who waits for an answer.</summary>
public enum Priority
{
    /// <summary>A person; served first.</summary>
    Interactive,

    /// <summary>A bulk job; served in between, and let in only up to a share of the places.</summary>
    Background,
}
