using System.Buffers;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace InferenceServer.Kernels.Resizing;

/// <summary>The rows of an RGB image, in which four bytes can be read at every pixel.</summary>
/// <remarks>
/// A vector load reads red, green, blue and one more byte. In every row but the last this is the first byte of the next
/// row. The last row is copied to a longer buffer from the array pool.
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

    /// <summary>Row <paramref name="y"/>, and one byte after it.</summary>
    public ReadOnlySpan<byte> this[int y] =>
        y == _lastRow ? _padded.AsSpan(0, _stride + 1) : _image.Slice(y * _stride, _stride + 1);

    public void Dispose() => ArrayPool<byte>.Shared.Return(_padded);
}

/// <summary>
/// An RGB pixel in four 32-bit lanes. The fourth lane holds the byte after the pixel, which the next store overwrites.
/// </summary>
internal static class RgbPixel
{
    /// <summary>Reads four bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Load(ReadOnlySpan<byte> pixel)
    {
        Vector128<byte> bytes = Vector128.CreateScalar(MemoryMarshal.Read<uint>(pixel)).AsByte();
        return Vector128.WidenLower(Vector128.WidenLower(bytes)).AsInt32();
    }

    /// <summary>
    /// Clamps to 0…255 and writes four bytes. The fourth is the first byte of the next pixel, so pixels are stored from
    /// left to right.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Span<byte> pixel, Vector128<int> value)
    {
        Vector128<int> clamped = Vector128.Min(Vector128.Max(value, Vector128<int>.Zero), Vector128.Create(255));
        Vector128<byte> packed = Vector128.Shuffle(
            clamped.AsByte(), Vector128.Create((byte)0, 4, 8, 12, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255));
        MemoryMarshal.Write(pixel, packed.AsUInt32().ToScalar());
    }
}

/// <summary>Narrows four vectors of 32-bit integers to one vector of bytes, clamped to 0…255.</summary>
internal static class SaturatedBytes
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<byte> Narrow(Vector<int> a, Vector<int> b, Vector<int> c, Vector<int> d) =>
        Vector.Narrow(Vector.Narrow(Clamp(a), Clamp(b)), Vector.Narrow(Clamp(c), Clamp(d)));

    private static Vector<uint> Clamp(Vector<int> value) =>
        Vector.Min(Vector.Max(value, Vector<int>.Zero), new Vector<int>(255)).As<int, uint>();
}
