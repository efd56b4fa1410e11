using InferenceServer.Runtime;

namespace InferenceServer.Errors;

/// <summary>The HTTP status of each kind of failure.</summary>
internal static class ProblemStatus
{
    /// <summary>How a request ended: a call over gRPC is answered with 200, and says in its trailers how it went.</summary>
    public static int Of(HttpContext http) => http.Features.Get<FormedStatus>()?.Code ?? http.Response.StatusCode;

    public static int Of(SegmentationError error) => error switch
    {
        SegmentationError.InvalidRequest => StatusCodes.Status400BadRequest,
        SegmentationError.UnknownModel => StatusCodes.Status404NotFound,
        SegmentationError.PayloadTooLarge => StatusCodes.Status413PayloadTooLarge,
        SegmentationError.TooManyPixels => StatusCodes.Status413PayloadTooLarge,
        SegmentationError.UnsupportedMediaType => StatusCodes.Status415UnsupportedMediaType,
        SegmentationError.UndecodableImage => StatusCodes.Status422UnprocessableEntity,
        SegmentationError.ImageNotFetched => StatusCodes.Status422UnprocessableEntity,
        SegmentationError.Overloaded => StatusCodes.Status429TooManyRequests,
        SegmentationError.QueueTimeout => StatusCodes.Status503ServiceUnavailable,
        SegmentationError.DeadlineExceeded => StatusCodes.Status504GatewayTimeout,
        SegmentationError.ModelNotReady => StatusCodes.Status503ServiceUnavailable,
        SegmentationError.InferenceFailed => StatusCodes.Status500InternalServerError,
        SegmentationError.Unauthorized => StatusCodes.Status401Unauthorized,
        SegmentationError.Forbidden => StatusCodes.Status403Forbidden,
        SegmentationError.RateLimited => StatusCodes.Status429TooManyRequests,
        SegmentationError.TokensUnavailable => StatusCodes.Status503ServiceUnavailable,
        SegmentationError.NotSupported => StatusCodes.Status501NotImplemented,
        _ => throw new ArgumentOutOfRangeException(nameof(error), error, "No such error."),
    };
}
