using System.Buffers;
using System.Numerics;
using System.Runtime.Intrinsics;

namespace InferenceServer.Kernels.Resizing;

/// <summary>
/// Resizes 8-bit RGB as Pillow's <c>Image.resize</c> does, with which torchvision and semseg models were trained.
/// </summary>
/// <remarks>
/// <para>Equal to Pillow 9.4 bit by bit on every golden file, with all three filters. Bilinear and bicubic (a = −0.5)
/// widen their kernel in a reduction, so that they do not alias. Weights have 22 fractional bits. Pixels are rounded to
/// 8 bits after the horizontal pass and again after the vertical pass; an axis of unchanged length has no pass. Nearest
/// takes floor((x + ½) · scale), with the running sum of Pillow.</para>
/// <para>Memory: the horizontally resized rows that one output row needs, from the array pool; none if an axis is
/// unchanged.</para>
/// <para>Source: Pillow, <c>src/libImaging/Resample.c</c> and <c>Geometry.c</c> (<c>ImagingScaleAffine</c>).</para>
/// </remarks>
public static class PillowResizer
{
    private const int Channels = ResizeArguments.Channels;
    private const int Half = 1 << (ResampleWeights.PrecisionBits - 1);

    /// <summary>Resizes an image.</summary>
    /// <param name="source">The image: HWC, three channels in any order.</param>
    /// <param name="sourceSize">Size of <paramref name="source"/>; both sides at least 1.</param>
    /// <param name="destination">
    /// Receives the resized image, HWC; overwritten whole. Must not overlap <paramref name="source"/>.
    /// </param>
    /// <param name="destinationSize">Size of <paramref name="destination"/>; both sides at least 1.</param>
    /// <param name="filter">The kernel.</param>
    /// <exception cref="ArgumentException">A length does not fit its size, or the buffers overlap.</exception>
    public static void Resize(
        ReadOnlySpan<byte> source, ImageSize sourceSize, Span<byte> destination, ImageSize destinationSize, ResizeFilter filter) =>
        Resize(source, sourceSize, destination, destinationSize, filter, 0, destinationSize.Height);

    /// <summary>
    /// Computes some rows of the resized image; they equal those of the whole resized image byte by byte.
    /// </summary>
    /// <param name="source">The image: HWC, three channels in any order.</param>
    /// <param name="sourceSize">Size of <paramref name="source"/>; both sides at least 1.</param>
    /// <param name="destination">
    /// Receives the rows, HWC; overwritten whole. Must not overlap <paramref name="source"/>.
    /// </param>
    /// <param name="destinationSize">Size of the whole resized image.</param>
    /// <param name="filter">The interpolation.</param>
    /// <param name="firstRow">The first row of the resized image to compute.</param>
    /// <param name="rows">Number of rows to compute.</param>
    /// <exception cref="ArgumentException">A length does not fit its size, or the buffers overlap.</exception>
    public static void Resize(
        ReadOnlySpan<byte> source, ImageSize sourceSize, Span<byte> destination, ImageSize destinationSize, ResizeFilter filter,
        int firstRow, int rows)
    {
        ResizeArguments.Check(source, sourceSize, destination, destinationSize, firstRow, rows);
        if (sourceSize == destinationSize)
        {
            source.Slice(firstRow * sourceSize.Width * Channels, destination.Length).CopyTo(destination);
            return;
        }

        if (filter == ResizeFilter.Nearest)
        {
            int[] columns = NearestOffsets(sourceSize.Width, destinationSize.Width);
            int[] lines = NearestOffsets(sourceSize.Height, destinationSize.Height);
            NearestGather.Copy(source, sourceSize.Width, destination, columns, lines.AsSpan(firstRow, rows));
            return;
        }

        if (sourceSize.Height == destinationSize.Height)
        {
            Horizontal(source, sourceSize, destination, destinationSize.Width, filter, firstRow, rows);
            return;
        }

        ResampleWeights weights = ResampleWeights.Create(sourceSize.Height, destinationSize.Height, filter);
        if (sourceSize.Width == destinationSize.Width)
        {
            Vertical(source, destination, destinationSize.Width, weights, firstRow, rows);
            return;
        }

        Both(source, sourceSize, destination, destinationSize.Width, filter, weights, firstRow, rows);
    }

    /// <summary>
    /// Runs both passes. The horizontal pass stays just ahead, in a window of as many rows as one output row needs.
    /// </summary>
    private static void Both(
        ReadOnlySpan<byte> source, ImageSize sourceSize, Span<byte> destination, int width, ResizeFilter filter,
        ResampleWeights vertical, int firstRow, int rows)
    {
        ResampleWeights horizontal = ResampleWeights.Create(sourceSize.Width, width, filter);
        int stride = width * Channels;
        byte[] rented = ArrayPool<byte>.Shared.Rent(checked(vertical.MaxTaps * stride));
        Span<byte> window = rented;
        using RgbRows lines = new(source, sourceSize);
        int first = 0, end = 0;   // the source rows in the window
        for (int y = 0; y < rows; y++)
        {
            ReadOnlySpan<int> taps = vertical.Taps(firstRow + y, out int start);
            if (start > first)
            {
                int kept = Math.Max(end - start, 0);
                window.Slice((end - kept - first) * stride, kept * stride).CopyTo(window);
                (first, end) = (start, start + kept);
            }

            for (; end < start + taps.Length; end++)
            {
                HorizontalRow(lines[end], window.Slice((end - first) * stride, stride), horizontal);
            }

            VerticalRow(window[..(taps.Length * stride)], taps, destination.Slice(y * stride, stride));
        }

        ArrayPool<byte>.Shared.Return(rented);
    }

    private static void Horizontal(
        ReadOnlySpan<byte> source, ImageSize size, Span<byte> destination, int width, ResizeFilter filter, int firstRow, int rows)
    {
        ResampleWeights weights = ResampleWeights.Create(size.Width, width, filter);
        using RgbRows lines = new(source, size);
        for (int y = 0; y < rows; y++)
        {
            HorizontalRow(lines[firstRow + y], destination.Slice(y * width * Channels, width * Channels), weights);
        }
    }

    private static void Vertical(
        ReadOnlySpan<byte> source, Span<byte> destination, int width, ResampleWeights weights, int firstRow, int rows)
    {
        int stride = width * Channels;
        for (int y = 0; y < rows; y++)
        {
            ReadOnlySpan<int> taps = weights.Taps(firstRow + y, out int start);
            VerticalRow(source.Slice(start * stride, taps.Length * stride), taps, destination.Slice(y * stride, stride));
        }
    }

    private static void HorizontalRow(ReadOnlySpan<byte> row, Span<byte> output, ResampleWeights weights)
    {
        int done = HorizontalVectorized(row, output, weights);
        HorizontalScalar(row, output, weights, done);
    }

    private static void VerticalRow(ReadOnlySpan<byte> window, ReadOnlySpan<int> taps, Span<byte> output)
    {
        int done = VerticalVectorized(window, taps, output);
        VerticalScalar(window, taps, output, done);
    }

    /// <summary>
    /// Computes an output row from pixel <paramref name="first"/> on: the specification of the horizontal pass.
    /// </summary>
    internal static void HorizontalScalar(ReadOnlySpan<byte> row, Span<byte> output, ResampleWeights weights, int first)
    {
        for (int x = first; x < output.Length / Channels; x++)
        {
            ReadOnlySpan<int> taps = weights.Taps(x, out int start);
            for (int c = 0; c < Channels; c++)
            {
                int sum = Half;
                for (int i = 0; i < taps.Length; i++)
                {
                    sum += row[((start + i) * Channels) + c] * taps[i];
                }

                output[(x * Channels) + c] = Clip(sum);
            }
        }
    }

    /// <summary>
    /// Computes all pixels but the last, whose four-byte store would exceed the row, and returns the number of pixels
    /// done.
    /// </summary>
    private static int HorizontalVectorized(ReadOnlySpan<byte> row, Span<byte> output, ResampleWeights weights)
    {
        if (!Vector128.IsHardwareAccelerated)
        {
            return 0;
        }

        int pixels = (output.Length / Channels) - 1;
        for (int x = 0; x < pixels; x++)
        {
            ReadOnlySpan<int> taps = weights.Taps(x, out int start);
            ReadOnlySpan<byte> pixel = row[(start * Channels)..];
            Vector128<int> sum = Vector128.Create(Half);
            foreach (int tap in taps)
            {
                sum += RgbPixel.Load(pixel) * tap;
                pixel = pixel[Channels..];
            }

            RgbPixel.Store(output[(x * Channels)..], sum >> ResampleWeights.PrecisionBits);
        }

        return Math.Max(pixels, 0);
    }

    /// <summary>
    /// Computes an output row from byte <paramref name="first"/> on: the specification of the vertical pass.
    /// </summary>
    internal static void VerticalScalar(ReadOnlySpan<byte> window, ReadOnlySpan<int> taps, Span<byte> output, int first)
    {
        for (int x = first; x < output.Length; x++)
        {
            int sum = Half;
            for (int i = 0; i < taps.Length; i++)
            {
                sum += window[(i * output.Length) + x] * taps[i];
            }

            output[x] = Clip(sum);
        }
    }

    /// <summary>Computes whole vectors of bytes, of any channel, and returns the number of bytes done.</summary>
    private static int VerticalVectorized(ReadOnlySpan<byte> window, ReadOnlySpan<int> taps, Span<byte> output)
    {
        if (!Vector.IsHardwareAccelerated)
        {
            return 0;
        }

        int x = 0;
        for (; x <= output.Length - Vector<byte>.Count; x += Vector<byte>.Count)
        {
            Vector<int> sum0 = new(Half), sum1 = sum0, sum2 = sum0, sum3 = sum0;
            for (int i = 0; i < taps.Length; i++)
            {
                Vector<byte> bytes = new(window[((i * output.Length) + x)..]);
                Vector.Widen(bytes, out Vector<ushort> low, out Vector<ushort> high);
                Vector.Widen(low, out Vector<uint> v0, out Vector<uint> v1);
                Vector.Widen(high, out Vector<uint> v2, out Vector<uint> v3);
                Vector<int> tap = new(taps[i]);
                sum0 += v0.As<uint, int>() * tap;
                sum1 += v1.As<uint, int>() * tap;
                sum2 += v2.As<uint, int>() * tap;
                sum3 += v3.As<uint, int>() * tap;
            }

            const int Shift = ResampleWeights.PrecisionBits;
            SaturatedBytes.Narrow(sum0 >> Shift, sum1 >> Shift, sum2 >> Shift, sum3 >> Shift).CopyTo(output[x..]);
        }

        return x;
    }

    private static byte Clip(int sum) => (byte)Math.Clamp(sum >> ResampleWeights.PrecisionBits, 0, byte.MaxValue);

    internal static int[] NearestOffsets(int input, int output)
    {
        double scale = (double)input / output;
        double position = scale * 0.5;
        int[] offsets = new int[output];
        for (int x = 0; x < output; x++)
        {
            offsets[x] = Math.Min((int)position, input - 1);
            position += scale;   // a running sum as in ImagingScaleAffine; a product would round differently
        }

        return offsets;
    }
}
