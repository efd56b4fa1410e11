using System.Text.Json;

namespace InferenceServer.Runtime.Diagnostics;

/// <summary>Reasons of rejection as errors and as labels.</summary>
public static class RejectionReasons
{
    private static readonly string[] Names = [.. Enum.GetNames<RejectionReason>().Select(JsonNamingPolicy.SnakeCaseLower.ConvertName)];

    /// <summary>The label's value, for instance <c>queue_full</c>.</summary>
    public static string Label(this RejectionReason reason) => Names[(int)reason];

    /// <summary>The reason behind an error; null for one that is the server's own fault.</summary>
    public static RejectionReason? Of(SegmentationError error) => error switch
    {
        SegmentationError.InvalidRequest => RejectionReason.BadRequest,
        SegmentationError.UnknownModel => RejectionReason.UnknownModel,
        SegmentationError.PayloadTooLarge => RejectionReason.TooLarge,
        SegmentationError.TooManyPixels => RejectionReason.TooManyPixels,
        SegmentationError.UnsupportedMediaType => RejectionReason.BadImage,
        SegmentationError.UndecodableImage => RejectionReason.BadImage,
        SegmentationError.ImageNotFetched => RejectionReason.BadImage,
        SegmentationError.Overloaded => RejectionReason.QueueFull,
        SegmentationError.QueueTimeout => RejectionReason.Deadline,
        SegmentationError.DeadlineExceeded => RejectionReason.Deadline,
        SegmentationError.ModelNotReady => RejectionReason.ModelNotReady,
        SegmentationError.InferenceFailed => null,
        SegmentationError.Unauthorized => RejectionReason.Unauthorized,
        SegmentationError.Forbidden => RejectionReason.Unauthorized,
        SegmentationError.RateLimited => RejectionReason.RateLimited,
        SegmentationError.TokensUnavailable => null,
        SegmentationError.NotSupported => RejectionReason.BadRequest,
        _ => throw new ArgumentOutOfRangeException(nameof(error), error, "No such error."),
    };
}
