using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;

namespace InferenceServer.Bulk;

/// <summary>The answer to one image: a mask, or an error.</summary>
/// <param name="Image">The image; null where the error ends the whole request.</param>
/// <param name="ContentType">Media type of the mask; null without a mask.</param>
/// <param name="Mask">The encoded mask, valid until the answer is written.</param>
/// <param name="Width">Width of the upright image, in pixels.</param>
/// <param name="Height">Height of the upright image, in pixels.</param>
/// <param name="Failure">The error; null where there is a mask.</param>
internal sealed record BulkAnswer(
    BulkImage? Image, string? ContentType, ReadOnlyMemory<byte> Mask, int Width, int Height, SegmentationException? Failure)
{
    /// <summary>An answer without a mask.</summary>
    public static BulkAnswer Failed(BulkImage? image, SegmentationException failure) =>
        new(image, ContentType: null, default, Width: 0, Height: 0, failure);
}

/// <summary>One image of a request with many images.</summary>
/// <param name="Index">Position in the request, from 0.</param>
/// <param name="Name">Name of the file in the zip, or of the form's part.</param>
/// <param name="Bytes">The encoded image; the receiver disposes the buffer.</param>
internal sealed record BulkImage(int Index, string Name, PooledBufferWriter Bytes);
