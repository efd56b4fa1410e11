using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;

namespace InferenceServer.Segment;

/// <summary>Reads a whole body or image, and counts its bytes while they arrive.</summary>
internal static class BodyReader
{
    private const int BufferSize = 64 * 1024;
    private const int LargestBufferAtOnce = 1 << 20;

    /// <summary>Reads a stream to its end.</summary>
    /// <param name="body">The stream.</param>
    /// <param name="length">The announced length; null where there is none.</param>
    /// <param name="maxBytes">Most bytes.</param>
    /// <param name="hold">Called with the number of bytes received so far; throws where the server has no room for
    /// them.</param>
    /// <param name="what">Subject of the error message, such as "The image".</param>
    /// <param name="cancellationToken">Cancels reading.</param>
    /// <returns>The bytes; the caller disposes the buffer.</returns>
    /// <exception cref="SegmentationException">There are more than <paramref name="maxBytes"/>.</exception>
    public static async Task<PooledBufferWriter> ReadAsync(
        Stream body, long? length, long maxBytes, Action<long> hold, string what, CancellationToken cancellationToken)
    {
        // The announced length may be wrong: beyond a megabyte the buffer grows with the bytes that arrive.
        long expected = Math.Min(length ?? BufferSize, maxBytes) + 1;
        using Owned<PooledBufferWriter> owned = new(
            new PooledBufferWriter((int)Math.Min(expected, LargestBufferAtOnce), (int)Math.Min(expected, Array.MaxLength)));
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

    /// <summary>The error for too many bytes.</summary>
    public static SegmentationException TooLarge(string what, long maxBytes) =>
        new(
            SegmentationError.PayloadTooLarge,
            $"{what} is too large: expected at most {maxBytes:N0} bytes. Send fewer.");
}

/// <summary>The encoded images of one request.</summary>
/// <param name="Image">The image to segment.</param>
/// <param name="Background">The image behind a cutout; null where the request has none.</param>
internal sealed record RequestImages(PooledBufferWriter Image, PooledBufferWriter? Background = null) : IDisposable
{
    /// <summary>Returns both to the pool.</summary>
    public void Dispose()
    {
        Image.Dispose();
        Background?.Dispose();
    }
}

/// <summary>Reads the encoded images of a request; the caller disposes them.</summary>
/// <inheritdoc cref="ImageReader"/>
internal delegate Task<RequestImages> ImagesReader(long maxBytes, Action<long> hold, CancellationToken cancellationToken);

/// <summary>Reads the encoded image of a request; the caller disposes the buffer.</summary>
/// <param name="maxBytes">Most bytes of an image.</param>
/// <param name="hold">Called with the number of bytes received so far; throws where the server has no room for
/// them.</param>
/// <param name="cancellationToken">Cancels reading.</param>
/// <exception cref="SegmentationException">The image is too large or missing.</exception>
internal delegate Task<PooledBufferWriter> ImageReader(
    long maxBytes, Action<long> hold, CancellationToken cancellationToken);
