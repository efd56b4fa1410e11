using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;

namespace InferenceServer.Bulk;

/// <summary>What became of one image: a mask, or the reason why there is none.</summary>
/// <param name="Image">The image; null where the failure is that of all the rest.</param>
/// <param name="ContentType">Media type of the mask; null where there is none.</param>
/// <param name="Mask">The mask, valid until the answer was taken.</param>
/// <param name="Width">Of the upright photograph, in pixels.</param>
/// <param name="Height">Of the upright photograph, in pixels.</param>
/// <param name="Failure">Why there is none.</param>
internal sealed record BulkAnswer(BulkImage? Image, string? ContentType, ReadOnlyMemory<byte> Mask, int Width, int Height, SegmentationException? Failure)
{
    /// <summary>An image, or all the rest, that got no mask.</summary>
    public static BulkAnswer Failed(BulkImage? image, SegmentationException failure) => new(image, ContentType: null, default, Width: 0, Height: 0, failure);
}

/// <summary>One of many images.</summary>
/// <param name="Index">Its place among them, from 0.</param>
/// <param name="Name">Its file's name, or the part's.</param>
/// <param name="Bytes">Its bytes, which whoever takes the image disposes.</param>
internal sealed record BulkImage(int Index, string Name, PooledBufferWriter Bytes);
