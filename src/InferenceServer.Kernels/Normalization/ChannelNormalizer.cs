using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace InferenceServer.Kernels.Normalization;

/// <summary>Turns interleaved 8-bit RGB into the normalised, padded planes of a model's input, in one pass.</summary>
/// <remarks>
/// Computed as x · (scale/std) − mean/std with both constants rounded from double: within 10⁻⁶ · max(1, |y|) of the formula in
/// double precision. The last bit depends on whether the machine fuses multiply and add.
/// </remarks>
public static class ChannelNormalizer
{
    private const int Channels = 3;

    /// <summary>Normalises one image into its place in the padded input.</summary>
    /// <param name="rgb">HWC, red first, 0…255.</param>
    /// <param name="image">Size of <paramref name="rgb"/>.</param>
    /// <param name="chw">Three planes of <paramref name="padded"/> pixels in the model's channel order; every value is written.</param>
    /// <param name="padded">Size of the model's input.</param>
    /// <param name="left">Column of the image's first pixel in the input.</param>
    /// <param name="top">Row of the image's first pixel in the input.</param>
    /// <param name="normalization">The formula.</param>
    /// <param name="padding">Three values to put round the image: already normalised, in the model's channel order.</param>
    /// <exception cref="ArgumentException">A buffer does not have the length of its size.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The image does not lie inside the input.</exception>
    public static void Compute(
        ReadOnlySpan<byte> rgb, ImageSize image, Span<float> chw, ImageSize padded, int left, int top,
        in ChannelNormalization normalization, ReadOnlySpan<float> padding)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(rgb.Length, image.Pixels * Channels);
        Compute(rgb, image.Width, image, chw, padded, left, top, normalization, padding);
    }

    /// <summary>Normalises a rectangle of a larger image into its place in the padded input.</summary>
    /// <param name="rgb">HWC, red first, 0…255, from the rectangle's first pixel on.</param>
    /// <param name="stride">Pixels from one row of <paramref name="rgb"/> to the next.</param>
    /// <param name="image">Size of the rectangle.</param>
    /// <param name="chw">Three planes of <paramref name="padded"/> pixels in the model's channel order; every value is written.</param>
    /// <param name="padded">Size of the model's input.</param>
    /// <param name="left">Column of the rectangle's first pixel in the input.</param>
    /// <param name="top">Row of the rectangle's first pixel in the input.</param>
    /// <param name="normalization">The formula.</param>
    /// <param name="padding">Three values to put round the rectangle: already normalised, in the model's channel order.</param>
    /// <exception cref="ArgumentException">A buffer is shorter than its size says.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The rectangle does not lie inside the input.</exception>
    public static void Compute(
        ReadOnlySpan<byte> rgb, int stride, ImageSize image, Span<float> chw, ImageSize padded, int left, int top,
        in ChannelNormalization normalization, ReadOnlySpan<float> padding)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(stride, image.Width);
        ArgumentOutOfRangeException.ThrowIfLessThan(rgb.Length, (((image.Height - 1L) * stride) + image.Width) * Channels);
        ArgumentOutOfRangeException.ThrowIfNotEqual(chw.Length, padded.Pixels * Channels);
        ArgumentOutOfRangeException.ThrowIfNotEqual(padding.Length, Channels);
        ArgumentOutOfRangeException.ThrowIfNegative(left);
        ArgumentOutOfRangeException.ThrowIfNegative(top);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(left, padded.Width - image.Width);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(top, padded.Height - image.Height);

        int plane = (int)padded.Pixels;
        FillAround(chw, image, padded, left, top, padding);
        bool reversed = normalization.Order == ChannelOrder.Bgr;
        // Indexed by the byte's place in a pixel, so the loops never look at the order again.
        ChannelLine red = ChannelLine.Create(normalization, reversed ? 2 : 0);
        ChannelLine green = ChannelLine.Create(normalization, 1);
        ChannelLine blue = ChannelLine.Create(normalization, reversed ? 0 : 2);
        for (int y = 0; y < image.Height; y++)
        {
            ReadOnlySpan<byte> row = rgb.Slice(y * stride * Channels, image.Width * Channels);
            int start = ((top + y) * padded.Width) + left;
            Span<float> reds = chw.Slice(((reversed ? 2 : 0) * plane) + start, image.Width);
            Span<float> greens = chw.Slice(plane + start, image.Width);
            Span<float> blues = chw.Slice(((reversed ? 0 : 2) * plane) + start, image.Width);
            int done = Vector128.IsHardwareAccelerated ? Vectorized(row, reds, greens, blues, red, green, blue) : 0;
            Scalar(row, reds, greens, blues, red, green, blue, done);
        }
    }

    /// <summary>One row from pixel <paramref name="start"/> on: the specification.</summary>
    internal static void Scalar(
        ReadOnlySpan<byte> row, Span<float> reds, Span<float> greens, Span<float> blues,
        ChannelLine red, ChannelLine green, ChannelLine blue, int start)
    {
        for (int x = start; x < reds.Length; x++)
        {
            reds[x] = red.At(row[x * Channels]);
            greens[x] = green.At(row[(x * Channels) + 1]);
            blues[x] = blue.At(row[(x * Channels) + 2]);
        }
    }

    /// <summary>Sixteen pixels a step: 48 bytes shuffled into three vectors of one channel each. Returns the pixels done.</summary>
    internal static int Vectorized(
        ReadOnlySpan<byte> row, Span<float> reds, Span<float> greens, Span<float> blues,
        ChannelLine red, ChannelLine green, ChannelLine blue)
    {
        ref byte source = ref MemoryMarshal.GetReference(row);
        int x = 0;
        for (; x <= reds.Length - Vector128<byte>.Count; x += Vector128<byte>.Count)
        {
            nuint offset = (nuint)(x * Channels);
            Vector128<byte> a = Vector128.LoadUnsafe(ref source, offset);
            Vector128<byte> b = Vector128.LoadUnsafe(ref source, offset + 16);
            Vector128<byte> c = Vector128.LoadUnsafe(ref source, offset + 32);

            // An index past 15 selects zero, so each third can be or-ed into place.
            const byte Z = 255;
            Vector128<byte> r = Vector128.Shuffle(a, Vector128.Create((byte)0, 3, 6, 9, 12, 15, Z, Z, Z, Z, Z, Z, Z, Z, Z, Z))
                | Vector128.Shuffle(b, Vector128.Create(Z, Z, Z, Z, Z, Z, 2, 5, 8, 11, 14, Z, Z, Z, Z, Z))
                | Vector128.Shuffle(c, Vector128.Create(Z, Z, Z, Z, Z, Z, Z, Z, Z, Z, Z, 1, 4, 7, 10, 13));
            Vector128<byte> g = Vector128.Shuffle(a, Vector128.Create((byte)1, 4, 7, 10, 13, Z, Z, Z, Z, Z, Z, Z, Z, Z, Z, Z))
                | Vector128.Shuffle(b, Vector128.Create(Z, Z, Z, Z, Z, 0, 3, 6, 9, 12, 15, Z, Z, Z, Z, Z))
                | Vector128.Shuffle(c, Vector128.Create(Z, Z, Z, Z, Z, Z, Z, Z, Z, Z, Z, 2, 5, 8, 11, 14));
            Vector128<byte> u = Vector128.Shuffle(a, Vector128.Create((byte)2, 5, 8, 11, 14, Z, Z, Z, Z, Z, Z, Z, Z, Z, Z, Z))
                | Vector128.Shuffle(b, Vector128.Create(Z, Z, Z, Z, Z, 1, 4, 7, 10, 13, Z, Z, Z, Z, Z, Z))
                | Vector128.Shuffle(c, Vector128.Create(Z, Z, Z, Z, Z, Z, Z, Z, Z, Z, 0, 3, 6, 9, 12, 15));

            Store(r, red, ref Unsafe.Add(ref MemoryMarshal.GetReference(reds), x));
            Store(g, green, ref Unsafe.Add(ref MemoryMarshal.GetReference(greens), x));
            Store(u, blue, ref Unsafe.Add(ref MemoryMarshal.GetReference(blues), x));
        }

        return x;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector128<byte> values, ChannelLine line, ref float destination)
    {
        (Vector128<ushort> low, Vector128<ushort> high) = Vector128.Widen(values);
        line.At(Vector128.WidenLower(low)).StoreUnsafe(ref destination);
        line.At(Vector128.WidenUpper(low)).StoreUnsafe(ref destination, 4);
        line.At(Vector128.WidenLower(high)).StoreUnsafe(ref destination, 8);
        line.At(Vector128.WidenUpper(high)).StoreUnsafe(ref destination, 12);
    }

    private static void FillAround(
        Span<float> chw, ImageSize image, ImageSize padded, int left, int top, ReadOnlySpan<float> padding)
    {
        if (image == padded)
        {
            return;
        }

        int right = left + image.Width, bottom = top + image.Height;
        for (int c = 0; c < Channels; c++)
        {
            Span<float> plane = chw.Slice(c * (int)padded.Pixels, (int)padded.Pixels);
            plane[..(top * padded.Width)].Fill(padding[c]);
            for (int y = top; y < bottom; y++)
            {
                Span<float> row = plane.Slice(y * padded.Width, padded.Width);
                row[..left].Fill(padding[c]);
                row[right..].Fill(padding[c]);
            }

            plane[(bottom * padded.Width)..].Fill(padding[c]);
        }
    }
}
