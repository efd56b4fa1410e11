using System.Globalization;
using InferenceServer.Runtime;
using Microsoft.AspNetCore.WebUtilities;

namespace InferenceServer.Errors;

/// <summary>The one shape of every error: RFC 9457, with the member <c>error</c> that clients of the Open Inference Protocol read.</summary>
internal static class Problem
{
    private static readonly TimeSpan ShortestWait = TimeSpan.FromMilliseconds(1);

    // The default problem writer stays silent for a client that accepts only image/png, so the result is written directly.
    public static Task WriteAsync(HttpContext http, SegmentationException exception)
    {
        http.Features.Set(exception); // for logs and metrics, also where nothing was thrown
        TimeSpan? retryAfter = exception.RetryAfter ?? Usual(exception.Error);
        if (Form(http) is { } form)
        {
            return WriteAsync(form, http, ProblemStatus.Of(exception.Error), exception.Message, retryAfter);
        }

        List<KeyValuePair<string, object?>> members = [new("error", exception.Message), new("request_id", http.TraceIdentifier)];
        if (retryAfter is { } wait)
        {
            wait = wait > ShortestWait ? wait : ShortestWait;
            http.Response.Headers.RetryAfter = Math.Ceiling(wait.TotalSeconds).ToString(CultureInfo.InvariantCulture); // the header knows only whole seconds
            members.Add(new("retry_after_ms", (long)Math.Ceiling(wait.TotalMilliseconds)));
        }

        return WriteAsync(http, ProblemStatus.Of(exception.Error), exception.Message, ProblemTypes.Of(exception.Error), members);
    }

    // How long loading takes is not known; asking again costs little.
    private static TimeSpan? Usual(SegmentationError error) => error == SegmentationError.ModelNotReady ? TimeSpan.FromSeconds(1) : null;

    public static Task WriteAsync(HttpContext http, int status, string? detail = null, string? kind = null)
    {
        detail ??= ReasonPhrases.GetReasonPhrase(status);
        return Form(http) is { } form ? WriteAsync(form, http, status, detail, null) : WriteAsync(http, status, detail, kind is null ? null : ProblemTypes.Of(kind), [new("error", detail), new("request_id", http.TraceIdentifier)]);
    }

    /// <summary>Notes for logs and metrics what went wrong in the middle of an answer, whose status has gone out.</summary>
    public static void Note(HttpContext http, SegmentationException exception)
    {
        http.Features.Set(exception);
        http.Features.Set(new FormedStatus(ProblemStatus.Of(exception.Error)));
    }

    private static IProblemForm? Form(HttpContext http) => http.GetEndpoint()?.Metadata.GetMetadata<IProblemForm>() is { } form && form.IsFor(http) ? form : null;

    private static Task WriteAsync(IProblemForm form, HttpContext http, int status, string detail, TimeSpan? retryAfter)
    {
        http.Features.Set(new FormedStatus(status));
        return form.WriteAsync(http, status, detail, retryAfter);
    }

    private static Task WriteAsync(HttpContext http, int status, string detail, string? type, IEnumerable<KeyValuePair<string, object?>> members) =>
        TypedResults.Problem(detail, statusCode: status, type: type, extensions: members).ExecuteAsync(http);
}

/// <summary>A problem that an endpoint answers with on purpose, and that no exception stands for.</summary>
internal sealed class ProblemResult(int status, string kind, string detail) : IResult
{
    public Task ExecuteAsync(HttpContext httpContext) => Problem.WriteAsync(httpContext, status, detail, kind);
}

/// <summary>A refusal as an answer, which no exception has to carry: a flood of requests would pay for each.</summary>
internal sealed class RefusedResult(SegmentationException refusal) : IResult
{
    public Task ExecuteAsync(HttpContext httpContext) => Problem.WriteAsync(httpContext, refusal);
}

/// <summary>What HTTP would have answered where a problem has a form of its own, whose status line says nothing, or had gone out before; a feature of the request, for logs and metrics.</summary>
/// <param name="Code">A status of 400 or more.</param>
internal sealed record FormedStatus(int Code);

/// <summary>How an endpoint of another protocol says what went wrong; metadata of that endpoint.</summary>
internal interface IProblemForm
{
    /// <summary>Whether a request to that endpoint speaks the protocol at all; one that does not gets the problem as everybody does.</summary>
    bool IsFor(HttpContext http);

    /// <param name="http">The request, whose answer has not begun.</param>
    /// <param name="status">What HTTP would answer.</param>
    /// <param name="detail">A sentence for the caller.</param>
    /// <param name="retryAfter">When another attempt is worth while; null where that is not a matter of time.</param>
    Task WriteAsync(HttpContext http, int status, string detail, TimeSpan? retryAfter);
}
