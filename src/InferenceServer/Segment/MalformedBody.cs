namespace InferenceServer.Segment;

/// <summary>Tells errors of malformed forms and zips from failures of the server.</summary>
internal static class MalformedBody
{
    /// <summary>Whether an exception means a malformed body: wrong or too many headers, a missing end, a boundary that
    /// is too long, an unknown compression.</summary>
    /// <param name="e">The exception that reading threw.</param>
    /// <param name="cancellationToken">The token of reading.</param>
    public static bool IsReasonOf(Exception e, CancellationToken cancellationToken) =>
        e is InvalidDataException or IOException or NotSupportedException or ArgumentOutOfRangeException
        && e is not BadHttpRequestException
        && !cancellationToken.IsCancellationRequested;
}
