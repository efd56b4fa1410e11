using InferenceServer.Runtime;

namespace InferenceServer.OpenInference;

/// <summary>Limits of messages without tensors. Admission does not count such messages, so they must be short and
/// arrive fast.</summary>
internal static class SmallBody
{
    /// <summary>Most bytes of a message without tensors.</summary>
    public const int MaxBytes = 4096;

    /// <summary>Longest time for a message without tensors to arrive over gRPC.</summary>
    /// <remarks>Less than five seconds: after that time Kestrel closes a connection with a slow body, and all calls of
    /// the connection.</remarks>
    public static readonly TimeSpan Timeout = TimeSpan.FromSeconds(4);

    /// <summary>Reads the message of a call, or the start of the message.</summary>
    /// <param name="http">The call.</param>
    /// <param name="timeout">The call's timeout; null for none.</param>
    /// <param name="read">Reads the message until the token is cancelled.</param>
    /// <exception cref="SegmentationException">The message did not arrive in time.</exception>
    public static async Task<T> ReadAsync<T>(HttpContext http, TimeSpan? timeout, Func<CancellationToken, Task<T>> read)
    {
        TimeSpan shorter = timeout < Timeout ? timeout.Value : Timeout;
        using CancellationTokenSource end = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted);
        end.CancelAfter(shorter);
        try
        {
            return await read(end.Token);
        }
        catch (OperationCanceledException e) when (!http.RequestAborted.IsCancellationRequested)
        {
            string message = $"Expected the message within {shorter.TotalSeconds} s, but it took longer.";
            throw new SegmentationException(SegmentationError.DeadlineExceeded, message, e);
        }
    }
}
