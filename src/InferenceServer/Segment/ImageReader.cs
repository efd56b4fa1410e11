using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;

namespace InferenceServer.Segment;

/// <summary>Reads the encoded image of a request; the caller disposes the buffer.</summary>
/// <param name="maxBytes">Most bytes of an image.</param>
/// <param name="hold">Called with the number of bytes received so far; throws where the server has no room for
/// them.</param>
/// <param name="cancellationToken">Cancels reading.</param>
/// <exception cref="SegmentationException">The image is too large or missing.</exception>
internal delegate Task<PooledBufferWriter> ImageReader(
    long maxBytes, Action<long> hold, CancellationToken cancellationToken);
