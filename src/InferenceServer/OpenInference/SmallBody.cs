using InferenceServer.Runtime;

namespace InferenceServer.OpenInference;

/// <summary>Limits of messages that only name a model or ask a question. No budget counts them, so none may be long or slow.</summary>
internal static class SmallBody
{
    /// <summary>Most bytes of such a message.</summary>
    public const int MaxBytes = 4096;

    /// <summary>Longest time for such a message to come over gRPC.</summary>
    /// <remarks>Less than Kestrel's five seconds for a body that does not come, which end the whole connection and
    /// all other calls on it.</remarks>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(4);

    /// <summary>Reads the message of a call, or the beginning of it.</summary>
    /// <param name="http">The call.</param>
    /// <param name="timeout">The deadline of the call; null if it has none.</param>
    /// <param name="read">Reads the message until the token is cancelled.</param>
    /// <exception cref="SegmentationException">The message did not come in time.</exception>
    public static async Task<T> ReadAsync<T>(HttpContext http, TimeSpan? timeout, Func<CancellationToken, Task<T>> read)
    {
        TimeSpan patience = timeout < Patience ? timeout.Value : Patience;
        using CancellationTokenSource end = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted);
        end.CancelAfter(patience);
        try
        {
            return await read(end.Token);
        }
        catch (OperationCanceledException e) when (!http.RequestAborted.IsCancellationRequested)
        {
            string message = $"The message did not come within {patience.TotalSeconds} s.";
            throw new SegmentationException(SegmentationError.DeadlineExceeded, message, e);
        }
    }
}
