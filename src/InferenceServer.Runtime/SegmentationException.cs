namespace InferenceServer.Runtime;

/// <summary>The one exception that leaves the runtime: what went wrong, and a message that says what to change.</summary>
/// <param name="error">The kind of failure.</param>
/// <param name="message">One or two sentences for the caller; never contains paths or stack traces.</param>
/// <param name="innerException">The cause, for the log.</param>
public sealed class SegmentationException(SegmentationError error, string message, Exception? innerException = null)
    : Exception(message, innerException)
{
    /// <summary>The kind of failure.</summary>
    public SegmentationError Error { get; } = error;

    /// <summary>When another attempt is worth while, as far as the server can tell; null where that is not a matter of time.</summary>
    public TimeSpan? RetryAfter { get; init; }
}
