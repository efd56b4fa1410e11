using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace InferenceServer.Kernels.Normalization;

/// <summary>
/// Converts interleaved 8-bit RGB to the normalised and padded planes of a model's input, in one pass.
/// </summary>
/// <remarks>
/// Computes x · (scale/std) − mean/std, both constants rounded from double. The result is within 10⁻⁶ · max(1, |y|) of
/// the formula in double precision. Its last bit depends on whether the machine has a fused multiply-add.
/// </remarks>
public static class ChannelNormalizer
{
    private const int Channels = 3;

    /// <summary>Normalises an image and writes it to its place in the padded input.</summary>
    /// <param name="rgb">The image: HWC, red first, 0 to 255.</param>
    /// <param name="image">Size of <paramref name="rgb"/>.</param>
    /// <param name="chw">
    /// Receives the planes of <paramref name="padded"/> pixels, in the model's channel order: three, or one for gray;
    /// overwritten whole.
    /// </param>
    /// <param name="padded">Size of the model's input.</param>
    /// <param name="left">Column of the image's first pixel in the input.</param>
    /// <param name="top">Row of the image's first pixel in the input.</param>
    /// <param name="normalization">The normalisation.</param>
    /// <param name="padding">
    /// The normalised colour around the image, in the model's channel order: a value for each plane.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A length does not fit its size, or the image exceeds the input.
    /// </exception>
    public static void Compute(
        ReadOnlySpan<byte> rgb, ImageSize image, Span<float> chw, ImageSize padded, int left, int top,
        in ChannelNormalization normalization, ReadOnlySpan<float> padding)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(rgb.Length, image.Pixels * Channels);
        Compute(rgb, image.Width, image, chw, padded, left, top, normalization, padding);
    }

    /// <summary>Normalises a rectangle of a larger image and writes it to its place in the padded input.</summary>
    /// <param name="rgb">The image from the rectangle's first pixel on: HWC, red first, 0 to 255.</param>
    /// <param name="stride">Pixels from one row of <paramref name="rgb"/> to the next.</param>
    /// <param name="image">Size of the rectangle.</param>
    /// <param name="chw">
    /// Receives the planes of <paramref name="padded"/> pixels, in the model's channel order: three, or one for gray;
    /// overwritten whole.
    /// </param>
    /// <param name="padded">Size of the model's input.</param>
    /// <param name="left">Column of the rectangle's first pixel in the input.</param>
    /// <param name="top">Row of the rectangle's first pixel in the input.</param>
    /// <param name="normalization">The normalisation.</param>
    /// <param name="padding">
    /// The normalised colour around the rectangle, in the model's channel order: a value for each plane.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A length does not fit its size, or the rectangle exceeds the input.
    /// </exception>
    public static void Compute(
        ReadOnlySpan<byte> rgb, int stride, ImageSize image, Span<float> chw, ImageSize padded, int left, int top,
        in ChannelNormalization normalization, ReadOnlySpan<float> padding)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(stride, image.Width);
        ArgumentOutOfRangeException.ThrowIfLessThan(rgb.Length, (((image.Height - 1L) * stride) + image.Width) * Channels);
        ArgumentOutOfRangeException.ThrowIfNotEqual(chw.Length, padded.Pixels * normalization.Channels);
        ArgumentOutOfRangeException.ThrowIfNotEqual(padding.Length, normalization.Channels);
        ArgumentOutOfRangeException.ThrowIfNegative(left);
        ArgumentOutOfRangeException.ThrowIfNegative(top);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(left, padded.Width - image.Width);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(top, padded.Height - image.Height);

        int pixels = (int)padded.Pixels;
        FillAround(chw, image, padded, left, top, padding);
        if (normalization.Order == ChannelOrder.Gray)
        {
            Gray(rgb, stride, image, chw[((top * padded.Width) + left)..], padded.Width, ChannelLine.Create(normalization, 0));
            return;
        }

        int redPlane = normalization.Order == ChannelOrder.Rgb ? 0 : 2, greenPlane = 1, bluePlane = 2 - redPlane;
        ChannelLine red = ChannelLine.Create(normalization, redPlane);
        ChannelLine green = ChannelLine.Create(normalization, greenPlane);
        ChannelLine blue = ChannelLine.Create(normalization, bluePlane);
        for (int y = 0; y < image.Height; y++)
        {
            ReadOnlySpan<byte> row = rgb.Slice(y * stride * Channels, image.Width * Channels);
            int start = ((top + y) * padded.Width) + left;
            Span<float> reds = chw.Slice((redPlane * pixels) + start, image.Width);
            Span<float> greens = chw.Slice((greenPlane * pixels) + start, image.Width);
            Span<float> blues = chw.Slice((bluePlane * pixels) + start, image.Width);
            int done = Vectorized(row, reds, greens, blues, red, green, blue);
            Scalar(row, reds, greens, blues, red, green, blue, done);
        }
    }

    private static void Gray(
        ReadOnlySpan<byte> rgb, int stride, ImageSize image, Span<float> plane, int planeStride, ChannelLine line)
    {
        for (int y = 0; y < image.Height; y++)
        {
            ReadOnlySpan<byte> row = rgb.Slice(y * stride * Channels, image.Width * Channels);
            Span<float> values = plane.Slice(y * planeStride, image.Width);
            for (int x = 0; x < values.Length; x++)
            {
                values[x] = line.At(GrayConverter.At(row.Slice(x * Channels, Channels)));
            }
        }
    }

    /// <summary>
    /// Normalises a row from pixel <paramref name="start"/> on: the specification of the vector form.
    /// </summary>
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

    /// <summary>
    /// Normalises sixteen pixels at a time: 48 bytes, shuffled into a vector for each channel. Returns the number of
    /// pixels done.
    /// </summary>
    private static int Vectorized(
        ReadOnlySpan<byte> row, Span<float> reds, Span<float> greens, Span<float> blues,
        ChannelLine red, ChannelLine green, ChannelLine blue)
    {
        if (!Vector128.IsHardwareAccelerated)
        {
            return 0;
        }

        ref byte source = ref MemoryMarshal.GetReference(row);
        int x = 0;
        for (; x <= reds.Length - Vector128<byte>.Count; x += Vector128<byte>.Count)
        {
            nuint offset = (nuint)(x * Channels);
            Vector128<byte> a = Vector128.LoadUnsafe(ref source, offset);
            Vector128<byte> b = Vector128.LoadUnsafe(ref source, offset + 16);
            Vector128<byte> c = Vector128.LoadUnsafe(ref source, offset + 32);

            // An index above 15 selects zero, so that the three parts can be combined by or.
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
        for (int c = 0; c < padding.Length; c++)
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
