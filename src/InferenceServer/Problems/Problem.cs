using System.Text.Json;
using InferenceServer.Runtime;
using Microsoft.AspNetCore.WebUtilities;

namespace InferenceServer.Problems;

/// <summary>The one shape of every error: RFC 9457, with the member <c>error</c> that clients of the Open Inference Protocol read.</summary>
internal static class Problem
{
    // The default problem writer stays silent for a client that accepts only image/png, so the result is written directly.
    public static Task WriteAsync(HttpContext http, SegmentationException exception)
    {
        if (exception.Error is SegmentationError.Overloaded or SegmentationError.ModelNotReady)
        {
            http.Response.Headers.RetryAfter = "1";
        }

        return WriteAsync(http, ProblemStatus.Of(exception.Error), exception.Message, JsonNamingPolicy.KebabCaseLower.ConvertName(exception.Error.ToString()));
    }

    public static Task WriteAsync(HttpContext http, int status, string? detail = null, string? kind = null)
    {
        detail ??= ReasonPhrases.GetReasonPhrase(status);
        return TypedResults.Problem(
            detail,
            statusCode: status,
            type: kind is null ? null : $"urn:inference-server:{kind}",
            extensions: [new("error", detail), new("request_id", http.TraceIdentifier)])
            .ExecuteAsync(http);
    }
}
