using System.Globalization;
using InferenceServer.Runtime;

namespace InferenceServer.OpenInference;

/// <summary>Limits of messages without tensors. Admission does not count such messages, so they must be short and
/// arrive fast.</summary>
internal static class SmallBody
{
    /// <summary>Most bytes of a message without tensors.</summary>
    public const int MaxBytes = 4096;

    // Less than five seconds: after that time Kestrel closes a connection with a slow body, and all calls of the connection.
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(4);

    // A client that sends its message with its headers needs no time, so a shorter one refuses only those that hold calls
    // open.
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(250);
    private const int MostPatiently = 1000; // about ten kilobytes each
    private static int _waiting;

    /// <summary>Longest time for a message to arrive, at this moment: short while very many messages are awaited.</summary>
    public static TimeSpan Timeout
    {
        get
        {
            if (Volatile.Read(ref _waiting) < MostPatiently)
            {
                return Longest;
            }

            return Shortest;
        }
    }

    /// <summary>Counts a message that is awaited until the result is disposed.</summary>
    public static IDisposable Wait()
    {
        Interlocked.Increment(ref _waiting);
        return new Waiting();
    }

    /// <summary>Reads the message of a call, or the start of the message.</summary>
    /// <param name="http">The call.</param>
    /// <param name="timeout">The call's timeout; null for none.</param>
    /// <param name="read">Reads the message until the token is cancelled.</param>
    /// <exception cref="SegmentationException">The message did not arrive in time.</exception>
    public static async Task<T> ReadAsync<T>(HttpContext http, TimeSpan? timeout, Func<CancellationToken, Task<T>> read)
    {
        TimeSpan longest = Timeout;
        TimeSpan shorter = timeout < longest ? timeout.Value : longest;
        using IDisposable waiting = Wait();
        using CancellationTokenSource end = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted);
        end.CancelAfter(shorter);
        try
        {
            return await read(end.Token);
        }
        catch (OperationCanceledException e) when (!http.RequestAborted.IsCancellationRequested)
        {
            string time = shorter.TotalSeconds.ToString("0.#######", CultureInfo.InvariantCulture);
            string message = $"Expected the message within {time} s, but it took longer.";
            throw new SegmentationException(SegmentationError.DeadlineExceeded, message, e);
        }
    }

    private sealed class Waiting : IDisposable
    {
        public void Dispose() => Interlocked.Decrement(ref _waiting);
    }
}
