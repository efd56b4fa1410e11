using System.Buffers;

namespace InferenceServer.Kernels.Resizing;

/// <summary>The rows of an RGB image, each readable four bytes at a time from any of its pixels.</summary>
/// <remarks>
/// A vector load takes R, G, B and one byte more. In every row but the last that byte is the next row's first; the last row
/// is therefore copied once into a longer pooled buffer.
/// </remarks>
internal readonly ref struct RgbRows
{
    private readonly ReadOnlySpan<byte> _image;
    private readonly int _stride;
    private readonly int _lastRow;
    private readonly byte[] _padded;

    public RgbRows(ReadOnlySpan<byte> image, ImageSize size)
    {
        _image = image;
        _stride = size.Width * ResizeArguments.Channels;
        _lastRow = size.Height - 1;
        _padded = ArrayPool<byte>.Shared.Rent(_stride + 1);
        image[^_stride..].CopyTo(_padded);
        _padded[_stride] = 0;
    }

    /// <summary>Row <paramref name="y"/> and one byte after it.</summary>
    public ReadOnlySpan<byte> this[int y] =>
        y == _lastRow ? _padded.AsSpan(0, _stride + 1) : _image.Slice(y * _stride, _stride + 1);

    public void Dispose() => ArrayPool<byte>.Shared.Return(_padded);
}
