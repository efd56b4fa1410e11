using System.Buffers;
using System.Numerics;
using System.Runtime.Intrinsics;

namespace InferenceServer.Kernels.Resizing;

/// <summary>Resizes 8-bit RGB as Pillow's <c>Image.resize</c> does: what torchvision and semseg-style pipelines trained with.</summary>
/// <remarks>
/// <para>Bit-exact with Pillow 9.4 on every golden file (difference 0), all three filters. Bilinear and bicubic (a = −0.5) widen
/// their kernel when shrinking, so they do not alias; weights have 22 fractional bits and pixels are rounded to 8 bits
/// after the horizontal pass and again after the vertical one. An axis of unchanged length is left out. Nearest takes
/// floor((x + ½) · scale), with Pillow's running sum.</para>
/// <para>Memory: a pooled window of destination width × the rows that one output row needs; none when one axis is unchanged.</para>
/// <para>Source: Pillow, <c>src/libImaging/Resample.c</c> and <c>Geometry.c</c> (<c>ImagingScaleAffine</c>).</para>
/// </remarks>
public static class PillowResizer
{
    private const int Channels = ResizeArguments.Channels;
    private const int Half = 1 << (ResampleWeights.PrecisionBits - 1);

    /// <summary>Resizes one image.</summary>
    /// <param name="source">HWC, three channels in any order.</param>
    /// <param name="sourceSize">Size of <paramref name="source"/>; both sides at least 1.</param>
    /// <param name="destination">HWC, overwritten whole; must not overlap <paramref name="source"/>.</param>
    /// <param name="destinationSize">Size of <paramref name="destination"/>; both sides at least 1.</param>
    /// <param name="filter">The kernel.</param>
    /// <exception cref="ArgumentException">A buffer does not have the length of its size, or the buffers overlap.</exception>
    public static void Resize(
        ReadOnlySpan<byte> source, ImageSize sourceSize, Span<byte> destination, ImageSize destinationSize, ResizeFilter filter) =>
        Resize(source, sourceSize, destination, destinationSize, filter, 0, destinationSize.Height);

    /// <summary>Computes some rows of the resized image, byte for byte as <see cref="Resize(ReadOnlySpan{byte}, ImageSize, Span{byte}, ImageSize, ResizeFilter)"/> would.</summary>
    /// <param name="source">HWC, three channels in any order.</param>
    /// <param name="sourceSize">Size of <paramref name="source"/>; both sides at least 1.</param>
    /// <param name="destination">HWC, the rows alone; overwritten whole.</param>
    /// <param name="destinationSize">Size of the whole resized image.</param>
    /// <param name="filter">The kernel.</param>
    /// <param name="firstRow">The first row of the resized image that is wanted.</param>
    /// <param name="rows">How many are.</param>
    /// <exception cref="ArgumentException">A buffer does not have the length of its size, or the buffers overlap.</exception>
    public static void Resize(
        ReadOnlySpan<byte> source, ImageSize sourceSize, Span<byte> destination, ImageSize destinationSize, ResizeFilter filter, int firstRow, int rows)
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

        bool horizontal = sourceSize.Width != destinationSize.Width;
        bool vertical = sourceSize.Height != destinationSize.Height;
        if (!vertical)
        {
            Horizontal(source, sourceSize, destination, destinationSize.Width, filter, firstRow, rows);
            return;
        }

        ResampleWeights weights = ResampleWeights.Create(sourceSize.Height, destinationSize.Height, filter);
        if (!horizontal)
        {
            Vertical(source, destination, destinationSize.Width, weights, firstRow, rows);
            return;
        }

        Both(source, sourceSize, destination, destinationSize.Width, filter, weights, firstRow, rows);
    }

    /// <summary>The horizontal pass runs just ahead of the vertical one, in a window of as many rows as one output row needs.</summary>
    private static void Both(
        ReadOnlySpan<byte> source, ImageSize sourceSize, Span<byte> destination, int width, ResizeFilter filter, ResampleWeights vertical, int firstRow, int rows)
    {
        ResampleWeights horizontal = ResampleWeights.Create(sourceSize.Width, width, filter);
        int stride = width * Channels;
        byte[] rented = ArrayPool<byte>.Shared.Rent(checked(vertical.MaxTaps * stride));
        Span<byte> window = rented;
        using RgbRows lines = new(source, sourceSize);
        int first = 0, end = 0;   // the source rows that the window holds
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

    private static void Horizontal(ReadOnlySpan<byte> source, ImageSize size, Span<byte> destination, int width, ResizeFilter filter, int firstRow, int rows)
    {
        ResampleWeights weights = ResampleWeights.Create(size.Width, width, filter);
        using RgbRows lines = new(source, size);
        for (int y = 0; y < rows; y++)
        {
            HorizontalRow(lines[firstRow + y], destination.Slice(y * width * Channels, width * Channels), weights);
        }
    }

    private static void Vertical(ReadOnlySpan<byte> source, Span<byte> destination, int width, ResampleWeights weights, int firstRow, int rows)
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
        int done = Vector128.IsHardwareAccelerated ? HorizontalVectorized(row, output, weights) : 0;
        HorizontalScalar(row, output, weights, done);
    }

    private static void VerticalRow(ReadOnlySpan<byte> window, ReadOnlySpan<int> taps, Span<byte> output)
    {
        int done = Vector.IsHardwareAccelerated ? VerticalVectorized(window, taps, output) : 0;
        VerticalScalar(window, taps, output, done);
    }

    /// <summary>One output row, from pixel <paramref name="first"/> on; the specification of the horizontal pass.</summary>
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

    /// <summary>All pixels but the last, whose four-byte store would leave the row; returns how many were written.</summary>
    private static int HorizontalVectorized(ReadOnlySpan<byte> row, Span<byte> output, ResampleWeights weights)
    {
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

    /// <summary>One output row, from byte <paramref name="first"/> on; the specification of the vertical pass.</summary>
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

    /// <summary>Rows are contiguous, so channels need no telling apart; returns how many bytes were written.</summary>
    private static int VerticalVectorized(ReadOnlySpan<byte> window, ReadOnlySpan<int> taps, Span<byte> output)
    {
        int x = 0;
        for (; x <= output.Length - Vector<byte>.Count; x += Vector<byte>.Count)
        {
            Vector<int> sum0 = new(Half), sum1 = sum0, sum2 = sum0, sum3 = sum0;
            for (int i = 0; i < taps.Length; i++)
            {
                Vector.Widen(new Vector<byte>(window[((i * output.Length) + x)..]), out Vector<ushort> low, out Vector<ushort> high);
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

    private static int[] NearestOffsets(int input, int output)
    {
        double scale = (double)input / output;
        double position = scale * 0.5;
        int[] offsets = new int[output];
        for (int x = 0; x < output; x++)
        {
            offsets[x] = Math.Min((int)position, input - 1);
            position += scale;   // a running sum, as in ImagingScaleAffine: a product would round differently
        }

        return offsets;
    }
}
