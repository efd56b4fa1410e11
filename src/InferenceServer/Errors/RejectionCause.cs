using InferenceServer.Runtime;
using InferenceServer.Runtime.Diagnostics;
using Microsoft.AspNetCore.Diagnostics;

namespace InferenceServer.Errors;

/// <summary>Why an answer is a problem, for logs and metrics.</summary>
internal static class RejectionCause
{
    /// <summary>The reason and what the client is told, once the problem is written; null where there is none, or the server is at fault.</summary>
    public static (RejectionReason Reason, string Detail)? Of(HttpContext http) => Error(http) switch
    {
        SegmentationException e => RejectionReasons.Of(e.Error) is { } reason ? (reason, e.Message) : null,
        BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } e => (RejectionReason.TooLarge, e.Message),
        BadHttpRequestException e => (RejectionReason.BadRequest, e.Message),
        _ => null,
    };

    // Most refusals are results; those from deeper inside are thrown.
    private static Exception? Error(HttpContext http) => http.Features.Get<SegmentationException>() ?? http.Features.Get<IExceptionHandlerFeature>()?.Error;
}
