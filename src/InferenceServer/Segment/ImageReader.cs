using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;

namespace InferenceServer.Segment;

/// <summary>Reads the encoded image of a request, which the caller disposes.</summary>
/// <param name="maxBytes">Most bytes of an image.</param>
/// <param name="hold">Is told how many bytes have come, and throws if the server has no room for them.</param>
/// <param name="cancellationToken">Ends the reading.</param>
/// <exception cref="SegmentationException">Too large, or no image.</exception>
internal delegate Task<PooledBufferWriter> ImageReader(long maxBytes, Action<long> hold, CancellationToken cancellationToken);
