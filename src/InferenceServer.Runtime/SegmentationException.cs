namespace InferenceServer.Runtime;

/// <summary>The one exception that leaves the runtime: what went wrong, and a message that says what to change.</summary>
/// <param name="error">The kind of failure.</param>
/// <param name="message">One or two sentences for the caller; never contains paths or stack traces. Cut after 800 characters.</param>
/// <param name="innerException">The cause, for the log.</param>
public sealed class SegmentationException(SegmentationError error, string message, Exception? innerException = null)
    : Exception(Cut(message), innerException)
{
    // Messages quote what callers send. Clients of gRPC take headers of 8 KB, in which a character may have nine bytes.
    private const int LongestMessage = 800;

    /// <summary>The kind of failure.</summary>
    public SegmentationError Error { get; } = error;

    /// <summary>When another attempt is worth while, as far as the server can tell; null where that is not a matter of time.</summary>
    public TimeSpan? RetryAfter { get; init; }

    // Not between the halves of a character, which no JSON can hold.
    private static string Cut(string message) => message.Length <= LongestMessage
        ? message
        : string.Concat(message.AsSpan(0, char.IsHighSurrogate(message[LongestMessage - 2]) ? LongestMessage - 2 : LongestMessage - 1), "…");
}
