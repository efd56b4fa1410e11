using System.Globalization;
using Grpc.Core;
using InferenceServer.Runtime;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.WebUtilities;

namespace InferenceServer.Errors;

/// <summary>The answer to a failure. In HTTP the body is RFC 9457, with the member <c>error</c> that clients of the
/// Open Inference Protocol read.</summary>
/// <param name="Status">HTTP status code, 400 or more.</param>
/// <param name="GrpcCode">Status code of gRPC.</param>
/// <param name="Type">A URN of <see cref="ErrorTable"/>; null where the status alone says what failed.</param>
/// <param name="Detail">A sentence for the caller.</param>
/// <param name="RetryAfter">When to try again; null where a new attempt changes nothing.</param>
internal sealed record Problem(
    int Status, StatusCode GrpcCode, string? Type, string Detail, TimeSpan? RetryAfter = null)
{
    private static readonly TimeSpan ShortestWait = TimeSpan.FromMilliseconds(1);

    public static Problem Of(SegmentationException exception)
    {
        ErrorRow row = ErrorTable.Of(exception.Error);
        return new Problem(
            row.Status, row.GrpcCode, row.Urn, exception.Message, exception.RetryAfter ?? row.RetryAfter);
    }

    /// <summary>Answers with a failure.</summary>
    public static Task WriteAsync(HttpContext http, SegmentationException exception)
    {
        http.Features.Set(exception); // for logs and metrics, also where nothing was thrown
        return Of(exception).WriteAsync(http);
    }

    /// <summary>Answers with a failure that the framework found.</summary>
    public static Task WriteAsync(HttpContext http, int status, string? detail = null) =>
        new Problem(status, ErrorTable.GrpcCode(status), null, detail ?? ReasonPhrases.GetReasonPhrase(status)).WriteAsync(http);

    /// <summary>Records for logs and metrics a failure after the answer's status was sent.</summary>
    public static void Note(HttpContext http, SegmentationException exception)
    {
        http.Features.Set(exception);
        http.Features.Set(new ReportedStatus(ErrorTable.Of(exception.Error).Status));
    }

    /// <summary>Forgets the failure of a message whose stream goes on.</summary>
    public static void Forget(HttpContext http)
    {
        http.Features.Set<SegmentationException>(null);
        http.Features.Set<ReportedStatus>(null);
    }

    /// <summary>The status of a request for logs and metrics: a gRPC call is answered with 200 and reports its failure
    /// in trailers.</summary>
    public static int StatusOf(HttpContext http) =>
        http.Features.Get<ReportedStatus>()?.Code ?? http.Response.StatusCode;

    /// <summary>The metrics' reason for a rejection and what the client was told; null for a success and for a fault of
    /// the server.</summary>
    public static (string Reason, string Detail)? RejectionOf(HttpContext http)
    {
        // Most refusals are results; those from deeper inside are thrown.
        Exception? exception = http.Features.Get<SegmentationException>() ?? http.Features.Get<IExceptionHandlerFeature>()?.Error;
        SegmentationError? error = exception switch
        {
            SegmentationException e => e.Error,
            BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } => SegmentationError.PayloadTooLarge,
            BadHttpRequestException => SegmentationError.InvalidRequest,
            _ => null,
        };
        if (error is not null && ErrorTable.Of(error).Reason is { } reason)
        {
            return (reason, exception!.Message);
        }

        return null;
    }

    private Task WriteAsync(HttpContext http)
    {
        if (http.GetEndpoint()?.Metadata.GetMetadata<IProblemForm>() is { } form && form.IsFor(http))
        {
            http.Features.Set(new ReportedStatus(Status));
            return form.WriteAsync(http, this);
        }

        List<KeyValuePair<string, object?>> members = [new("error", Detail), new("request_id", http.TraceIdentifier)];
        if (RetryAfter is { } wait)
        {
            wait = wait > ShortestWait ? wait : ShortestWait;
            // The header has whole seconds only.
            http.Response.Headers.RetryAfter = Math.Ceiling(wait.TotalSeconds).ToString(CultureInfo.InvariantCulture);
            members.Add(new("retry_after_ms", (long)Math.Ceiling(wait.TotalMilliseconds)));
        }

        // The framework's writer of problems writes nothing for a client that accepts only image/png.
        return TypedResults.Problem(Detail, statusCode: Status, type: Type, extensions: members).ExecuteAsync(http);
    }

    /// <summary>The status that HTTP would have reported where the status line says something else.</summary>
    private sealed record ReportedStatus(int Code);
}

/// <summary>A failure as a result: an exception for each refusal would cost too much under a flood of
/// requests.</summary>
internal sealed class ProblemResult(SegmentationException failure) : IResult
{
    public ProblemResult(SegmentationError error, string detail)
        : this(new SegmentationException(error, detail))
    {
    }

    public Task ExecuteAsync(HttpContext httpContext) => Problem.WriteAsync(httpContext, failure);
}

/// <summary>How an endpoint of another protocol reports a problem; metadata of that endpoint.</summary>
internal interface IProblemForm
{
    /// <summary>Whether a request to that endpoint uses the protocol; any other request gets the problem as HTTP
    /// reports it.</summary>
    bool IsFor(HttpContext http);

    /// <summary>Writes the problem to a response that has not started.</summary>
    Task WriteAsync(HttpContext http, Problem problem);
}
