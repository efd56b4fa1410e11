namespace InferenceServer.Problems;

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
