using InferenceServer.Runtime;

namespace InferenceServer.OpenInference;

/// <summary>Bounds of messages that name a model or ask yes or no. No budget counts them, so none may be long or come slowly.</summary>
internal static class SmallBody
{
    /// <summary>Most bytes of one.</summary>
    public const int MaxBytes = 4096;

    /// <summary>Longest time for one to come over gRPC: less than the five seconds after which Kestrel ends a connection whose bodies do not come, and with it the other calls on it.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(4);

    /// <summary>Reads the message of a call, or the beginning of it.</summary>
    /// <param name="http">The call.</param>
    /// <param name="timeout">The caller's own patience; null where it has none.</param>
    /// <param name="read">Reads it, until the token ends that.</param>
    /// <exception cref="SegmentationException">It did not come in time.</exception>
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
            throw new SegmentationException(SegmentationError.DeadlineExceeded, $"The message did not come within {patience.TotalSeconds} s.", e);
        }
    }
}
