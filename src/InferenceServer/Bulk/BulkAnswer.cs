using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;

namespace InferenceServer.Bulk;

/// <summary>What became of one image: a mask, or the reason why there is none.</summary>
/// <param name="Image">The image, whose bytes may be gone; null where the failure is that of all the rest.</param>
/// <param name="ContentType">Media type of the mask; null where there is none.</param>
/// <param name="Mask">The mask.</param>
/// <param name="Width">Of the upright photograph, in pixels.</param>
/// <param name="Height">Of the upright photograph, in pixels.</param>
/// <param name="Failure">Why there is none.</param>
internal sealed record BulkAnswer(BulkImage? Image, string? ContentType, PooledBufferWriter? Mask, int Width, int Height, SegmentationException? Failure);
