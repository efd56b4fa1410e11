namespace InferenceServer.Runtime;

/// <summary>The one exception that leaves the runtime: what went wrong, and a message that says what to
/// change.</summary>
/// <param name="error">The kind of failure.</param>
/// <param name="message">One or two sentences for the caller; never contains paths or stack traces. Cut after 800
/// characters.</param>
/// <param name="innerException">The cause, for the log.</param>
public sealed class SegmentationException(SegmentationError error, string message, Exception? innerException = null)
    : Exception(Cut(message), innerException)
{
    // Messages quote what callers send. Clients of gRPC take headers of 8 KB, in which a character may have nine bytes.
    private const int LongestMessage = 800;

    /// <summary>The kind of failure.</summary>
    public SegmentationError Error { get; } = error;

    /// <summary>When another attempt is worth while, as far as the server can tell; null where that is not a matter of
    /// time.</summary>
    public TimeSpan? RetryAfter { get; init; }

    // Not between the halves of a character, which no JSON can hold.
    private static string Cut(string message)
    {
        if (message.Length <= LongestMessage)
        {
            return message;
        }

        int kept = char.IsHighSurrogate(message[LongestMessage - 2]) ? LongestMessage - 2 : LongestMessage - 1;
        return message[..kept] + "…";
    }
}

/// <summary>A kind of failure. The members are the runtime's kinds, as a closed list; a host may add kinds of its
/// own.</summary>
/// <param name="Name">The kind's name in kebab case, unique among all kinds of the process.</param>
public sealed record SegmentationError(string Name)
{
    /// <summary>A parameter is out of its range, or contradicts another parameter.</summary>
    public static SegmentationError InvalidRequest { get; } = new("invalid-request");

    /// <summary>The repository has no model, or no version of the model, of that name.</summary>
    public static SegmentationError UnknownModel { get; } = new("unknown-model");

    /// <summary>The encoded image has more bytes than allowed.</summary>
    public static SegmentationError PayloadTooLarge { get; } = new("payload-too-large");

    /// <summary>The image's header states more pixels than allowed; no pixel was decoded.</summary>
    public static SegmentationError TooManyPixels { get; } = new("too-many-pixels");

    /// <summary>The bytes are not an image of a supported format.</summary>
    public static SegmentationError UnsupportedMediaType { get; } = new("unsupported-media-type");

    /// <summary>The format is supported, but the image is truncated or damaged.</summary>
    public static SegmentationError UndecodableImage { get; } = new("undecodable-image");

    /// <summary>The requested format cannot represent the mask of this image.</summary>
    public static SegmentationError NotAcceptable { get; } = new("not-acceptable");

    /// <summary>A limit on the work in progress is reached; try again later.</summary>
    public static SegmentationError Overloaded { get; } = new("overloaded");

    /// <summary>The request's time ran out while the request waited; try again later, or allow more time.</summary>
    public static SegmentationError QueueTimeout { get; } = new("queue-timeout");

    /// <summary>The request's time ran out while the request was processed.</summary>
    public static SegmentationError DeadlineExceeded { get; } = new("deadline-exceeded");

    /// <summary>The model exists, but is loading or could not be loaded.</summary>
    public static SegmentationError ModelNotReady { get; } = new("model-not-ready");

    /// <summary>The network failed during inference.</summary>
    public static SegmentationError InferenceFailed { get; } = new("inference-failed");

    /// <inheritdoc/>
    public override string ToString() => Name;
}
