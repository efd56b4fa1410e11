using InferenceServer.Runtime.Diagnostics;

namespace InferenceServer.Runtime.Admission;

/// <summary>A request for admission: what is known before the image is read.</summary>
internal readonly record struct AdmissionRequest
{
    /// <summary>A model's name; null takes the default.</summary>
    public string? Model { get; init; }

    /// <summary>The number of a version that serves; null takes the newest.</summary>
    public int? Version { get; init; }

    /// <summary>Bytes of the encoded image as announced; 0 where nothing was.</summary>
    public long Bytes { get; init; }

    /// <summary>The request's class in the queue.</summary>
    public Priority Priority { get; init; }

    /// <summary>The caller's timeout; null takes the default. A timeout above the limit is shortened.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>Receives the time of each stage; null makes new timings.</summary>
    public StageTimings? Timings { get; init; }

    /// <summary>Cancelled when the caller cancels the request.</summary>
    public CancellationToken Caller { get; init; }
}

/// <summary>The class of a request in the queue.</summary>
public enum Priority
{
    /// <summary>Interactive; served first.</summary>
    Interactive,

    /// <summary>Bulk work; every eighth pick, and admitted only up to a share of the limit on requests.</summary>
    Background,
}
