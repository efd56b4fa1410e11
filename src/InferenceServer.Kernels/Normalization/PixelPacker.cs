using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace InferenceServer.Kernels.Normalization;

/// <summary>Packs interleaved 8-bit RGB into the padded input of a device that normalises by itself: red, green, blue and
/// 255 for a pixel of the image, four zeros around it.</summary>
public static class PixelPacker
{
    /// <summary>Bytes of a packed pixel.</summary>
    public const int Bytes = 4;

    private const int Channels = 3;

    /// <summary>Packs a rectangle of an image and writes it to its place in the padded input.</summary>
    /// <param name="rgb">The image from the rectangle's first pixel on: HWC, red first.</param>
    /// <param name="stride">Pixels from one row of <paramref name="rgb"/> to the next.</param>
    /// <param name="image">Size of the rectangle.</param>
    /// <param name="packed">Receives <paramref name="padded"/>: HWC of four channels; overwritten whole.</param>
    /// <param name="padded">Size of the model's input.</param>
    /// <param name="left">Column of the rectangle's first pixel in the input.</param>
    /// <param name="top">Row of the rectangle's first pixel in the input.</param>
    /// <param name="isGray">Whether the three colours are the gray that <see cref="GrayConverter"/> makes of a pixel.</param>
    /// <exception cref="ArgumentOutOfRangeException">A length does not fit its size, or the rectangle exceeds the
    /// input.</exception>
    public static void Compute(
        ReadOnlySpan<byte> rgb, int stride, ImageSize image, Span<byte> packed, ImageSize padded, int left, int top, bool isGray)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(stride, image.Width);
        ArgumentOutOfRangeException.ThrowIfLessThan(rgb.Length, (((image.Height - 1L) * stride) + image.Width) * Channels);
        ArgumentOutOfRangeException.ThrowIfNotEqual(packed.Length, padded.Pixels * Bytes);
        ArgumentOutOfRangeException.ThrowIfNegative(left);
        ArgumentOutOfRangeException.ThrowIfNegative(top);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(left, padded.Width - image.Width);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(top, padded.Height - image.Height);

        Span<uint> pixels = MemoryMarshal.Cast<byte, uint>(packed);
        pixels[..(top * padded.Width)].Clear();
        for (int y = 0; y < image.Height; y++)
        {
            ReadOnlySpan<byte> source = rgb.Slice(y * stride * Channels, image.Width * Channels);
            Span<uint> row = pixels.Slice((top + y) * padded.Width, padded.Width);
            row[..left].Clear();
            Pack(source, MemoryMarshal.AsBytes(row.Slice(left, image.Width)), isGray);
            row[(left + image.Width)..].Clear();
        }

        pixels[((top + image.Height) * padded.Width)..].Clear();
    }

    /// <summary>Packs a row from pixel <paramref name="start"/> on: the specification of the vector form.</summary>
    internal static void Scalar(ReadOnlySpan<byte> rgb, Span<byte> packed, int start)
    {
        for (int x = start; x < packed.Length / Bytes; x++)
        {
            rgb.Slice(x * Channels, Channels).CopyTo(packed[(x * Bytes)..]);
            packed[(x * Bytes) + Channels] = byte.MaxValue;
        }
    }

    private static void Pack(ReadOnlySpan<byte> rgb, Span<byte> packed, bool isGray)
    {
        if (!isGray)
        {
            Scalar(rgb, packed, Vectorized(rgb, packed));
            return;
        }

        for (int x = 0; x < packed.Length / Bytes; x++)
        {
            Span<byte> pixel = packed.Slice(x * Bytes, Bytes);
            pixel.Fill(GrayConverter.At(rgb.Slice(x * Channels, Channels)));
            pixel[Channels] = byte.MaxValue;
        }
    }

    /// <summary>Packs four pixels at a time, and returns the number of pixels done.</summary>
    private static int Vectorized(ReadOnlySpan<byte> rgb, Span<byte> packed)
    {
        if (!Vector128.IsHardwareAccelerated)
        {
            return 0;
        }

        const int Pixels = 4;
        const byte Z = 255; // an index above 15 selects zero
        ref byte source = ref MemoryMarshal.GetReference(rgb);
        ref byte target = ref MemoryMarshal.GetReference(packed);
        Vector128<byte> places = Vector128.Create((byte)0, 1, 2, Z, 3, 4, 5, Z, 6, 7, 8, Z, 9, 10, 11, Z);
        Vector128<byte> inside = Vector128.Create(0xFF000000u).AsByte();
        if (!BitConverter.IsLittleEndian)
        {
            return 0;
        }

        int x = 0;
        // A vector reads four bytes beyond its pixels.
        for (; (x * Channels) + Vector128<byte>.Count <= rgb.Length; x += Pixels)
        {
            Vector128<byte> pixels = Vector128.Shuffle(Vector128.LoadUnsafe(ref source, (nuint)(x * Channels)), places);
            (pixels | inside).StoreUnsafe(ref target, (nuint)(x * Bytes));
        }

        return x;
    }
}
