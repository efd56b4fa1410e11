namespace InferenceServer.Segment;

/// <summary>Tells the complaints of those who read forms and zips from failures of the server.</summary>
internal static class MalformedBody
{
    /// <summary>Whether a body is malformed: headers that are none or too many, an end that does not come, a boundary
    /// longer than its buffer, a packing that nobody knows.</summary>
    /// <param name="e">What reading it threw.</param>
    /// <param name="cancellationToken">What would have ended the reading.</param>
    public static bool IsReasonOf(Exception e, CancellationToken cancellationToken) =>
        e is InvalidDataException or IOException or NotSupportedException or ArgumentOutOfRangeException
            && e is not BadHttpRequestException
            && !cancellationToken.IsCancellationRequested;
}
