using InferenceServer.Kernels;
using InferenceServer.Runtime.Buffers;

namespace InferenceServer.Runtime.Decoding;

/// <summary>A decoded, upright image: 8-bit sRGB, HWC, without alpha. The holder disposes it.</summary>
internal sealed class RgbImage(ImageSize size) : IDisposable
{
    private readonly PooledBuffer<byte> _pixels = new(checked((int)(size.Pixels * 3)));

    /// <summary>Width and height after the EXIF orientation was applied.</summary>
    public ImageSize Size { get; } = size;

    /// <summary>Red, green, blue, row by row from the top; length 3 × <see cref="ImageSize.Pixels"/>.</summary>
    public Memory<byte> Pixels => _pixels.Memory;

    /// <summary>Gives the pixels back to the pool.</summary>
    public void Dispose() => _pixels.Dispose();
}
