using InferenceServer.Runtime;
using InferenceServer.Runtime.Diagnostics;
using Microsoft.AspNetCore.Diagnostics;

namespace InferenceServer.Problems;

/// <summary>Why an answer is a problem, for logs and metrics.</summary>
internal static class RejectionCause
{
    /// <summary>The reason, once the problem is written; null where there is none, or the server is at fault.</summary>
    public static RejectionReason? Of(HttpContext http) => (http.Features.Get<SegmentationException>() ?? http.Features.Get<IExceptionHandlerFeature>()?.Error) switch
    {
        SegmentationException e => RejectionReasons.Of(e.Error),
        BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } => RejectionReason.TooLarge,
        BadHttpRequestException => RejectionReason.BadRequest,
        _ => null,
    };
}
