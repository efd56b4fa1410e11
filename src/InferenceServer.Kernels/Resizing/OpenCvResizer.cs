using System.Buffers;

namespace InferenceServer.Kernels.Resizing;

/// <summary>
/// Resizes 8-bit RGB or BGR as <c>cv2.resize</c> does, with which mmsegmentation and most Caffe models were trained.
/// </summary>
/// <remarks>
/// <para>Equal to OpenCV 4.6 for x86-64 bit by bit on every golden file, with all three filters. Pixel centres are at
/// half pixels. There is no anti-aliasing: a strong reduction skips source pixels. Weights have 11 fractional bits; the
/// cubic has a = −0.75. A bilinear reduction to exactly half of both sides averages blocks of 2×2, as OpenCV does by
/// <c>INTER_AREA</c>. Nearest takes floor(x · scale), without half-pixel centres.</para>
/// <para>Memory: two (bilinear) or four (bicubic) horizontally resized rows from the array pool, 32 bits for each
/// value.</para>
/// <para>Source: OpenCV, <c>modules/imgproc/src/resize.cpp</c>.</para>
/// </remarks>
public static class OpenCvResizer
{
    private const int Channels = ResizeArguments.Channels;

    /// <summary>Resizes an image.</summary>
    /// <param name="source">The image: HWC, three channels in any order.</param>
    /// <param name="sourceSize">Size of <paramref name="source"/>; both sides at least 1.</param>
    /// <param name="destination">
    /// Receives the resized image, HWC; overwritten whole. Must not overlap <paramref name="source"/>.
    /// </param>
    /// <param name="destinationSize">Size of <paramref name="destination"/>; both sides at least 1.</param>
    /// <param name="filter">The interpolation: INTER_NEAREST, INTER_LINEAR or INTER_CUBIC.</param>
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
        }
        else if (filter == ResizeFilter.Nearest)
        {
            int[] columns = NearestOffsets(sourceSize.Width, destinationSize.Width);
            int[] lines = NearestOffsets(sourceSize.Height, destinationSize.Height);
            NearestGather.Copy(source, sourceSize.Width, destination, columns, lines.AsSpan(firstRow, rows));
        }
        else if (filter == ResizeFilter.Bilinear
            && sourceSize == new ImageSize(destinationSize.Width * 2, destinationSize.Height * 2))
        {
            Halve(source, destination, destinationSize.Width, firstRow, rows);
        }
        else
        {
            Interpolate(source, sourceSize, destination, destinationSize, filter, firstRow);
        }
    }

    private static void Interpolate(
        ReadOnlySpan<byte> source, ImageSize sourceSize, Span<byte> destination, ImageSize size, ResizeFilter filter, int firstRow)
    {
        OpenCvTaps columns = OpenCvTaps.Create(sourceSize.Width, size.Width, filter, clampFraction: true);
        OpenCvTaps rows = OpenCvTaps.Create(sourceSize.Height, size.Height, filter, clampFraction: false);
        int stride = size.Width * Channels;
        int slot = stride + 1;   // the four-lane store of the last pixel ends one value later
        int taps = rows.PerOutput;
        int[] window = ArrayPool<int>.Shared.Rent(taps * slot);
        Span<int> held = stackalloc int[taps];   // the source row in each slot, which is the row number modulo the number of taps
        held.Fill(-1);
        using RgbRows input = new(source, sourceSize);
        int end = firstRow + (destination.Length / stride);
        for (int y = firstRow; y < end; y++)
        {
            foreach (int row in rows.Indices(y))
            {
                if (held[row % taps] != row)
                {
                    held[row % taps] = row;
                    OpenCvHorizontal.Run(input[row], window.AsSpan(row % taps * slot, slot), columns, size.Width);
                }
            }

            OpenCvVertical.Run(window, slot, rows.Indices(y), rows.Weights(y), destination.Slice((y - firstRow) * stride, stride));
        }

        ArrayPool<int>.Shared.Return(window);
    }

    /// <summary>Computes the mean of each block of 2×2 pixels, rounding halves up.</summary>
    private static void Halve(ReadOnlySpan<byte> source, Span<byte> destination, int width, int firstRow, int rows)
    {
        int stride = width * 2 * Channels;
        for (int y = 0; y < rows; y++)
        {
            ReadOnlySpan<byte> upper = source.Slice(2 * (firstRow + y) * stride, stride);
            ReadOnlySpan<byte> lower = source.Slice(((2 * (firstRow + y)) + 1) * stride, stride);
            Span<byte> output = destination.Slice(y * stride / 2, stride / 2);
            for (int x = 0; x < output.Length; x += Channels)
            {
                for (int c = 0; c < Channels; c++)
                {
                    int left = (2 * x) + c, right = left + Channels;
                    output[x + c] = (byte)((upper[left] + upper[right] + lower[left] + lower[right] + 2) >> 2);
                }
            }
        }
    }

    internal static int[] NearestOffsets(int input, int output)
    {
        double scale = OpenCvTaps.InverseScale(input, output);
        int[] offsets = new int[output];
        for (int x = 0; x < output; x++)
        {
            offsets[x] = Math.Min((int)(x * scale), input - 1);
        }

        return offsets;
    }
}
