using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;

namespace InferenceServer.Segment;

/// <summary>Reads what comes from outside whole, and counts it while it comes.</summary>
internal static class BodyReader
{
    private const int BufferSize = 64 * 1024;
    private const int LargestBufferAtOnce = 1 << 20;

    /// <param name="body">Where it comes from.</param>
    /// <param name="length">How long it says it is; null where it does not.</param>
    /// <param name="maxBytes">Most bytes.</param>
    /// <param name="hold">Is told how many bytes have come, and throws if the server has no room for them.</param>
    /// <param name="what">Subject of the sentence that refuses more.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <returns>The bytes, which the caller disposes.</returns>
    /// <exception cref="SegmentationException">More bytes than that.</exception>
    public static async Task<PooledBufferWriter> ReadAsync(
        Stream body, long? length, long maxBytes, Action<long> hold, string what, CancellationToken cancellationToken)
    {
        // A length is only a promise: beyond a megabyte the buffer grows with what really comes.
        using Owned<PooledBufferWriter> owned = new(
            new PooledBufferWriter((int)Math.Min(Math.Min(length ?? BufferSize, maxBytes) + 1, LargestBufferAtOnce)));
        PooledBufferWriter bytes = owned.Value;
        while (await body.ReadAsync(bytes.GetMemory(), cancellationToken) is > 0 and int count)
        {
            bytes.Advance(count);
            if (bytes.Written.Length > maxBytes)
            {
                throw TooLarge(what, maxBytes);
            }

            hold(bytes.Written.Length);
        }

        return owned.Release();
    }

    /// <summary>What is said of more bytes than are accepted.</summary>
    public static SegmentationException TooLarge(string what, long maxBytes) =>
        new(SegmentationError.PayloadTooLarge, $"{what} has more than {maxBytes:N0} bytes, the most that is accepted.");
}
