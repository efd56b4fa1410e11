using System.Runtime.Intrinsics;

namespace InferenceServer.Kernels.Resizing;

/// <summary>
/// The horizontal pass of <see cref="OpenCvResizer"/>: sums of bytes times 11-bit weights, in 32 bits.
/// </summary>
internal static class OpenCvHorizontal
{
    private const int Channels = ResizeArguments.Channels;

    /// <param name="row">A source row and one byte after it.</param>
    /// <param name="output">Receives the resized row, three values for each pixel; one value longer than that.</param>
    /// <param name="columns">Taps of the horizontal axis.</param>
    /// <param name="width">Pixels in the resized row.</param>
    public static void Run(ReadOnlySpan<byte> row, Span<int> output, OpenCvTaps columns, int width)
    {
        if (Vector128.IsHardwareAccelerated)
        {
            Vectorized(row, output, columns, width);
        }
        else
        {
            Scalar(row, output, columns, width);
        }
    }

    internal static void Scalar(ReadOnlySpan<byte> row, Span<int> output, OpenCvTaps columns, int width)
    {
        for (int x = 0; x < width; x++)
        {
            ReadOnlySpan<int> indices = columns.Indices(x);
            ReadOnlySpan<int> weights = columns.Weights(x);
            for (int c = 0; c < Channels; c++)
            {
                int sum = 0;
                for (int k = 0; k < indices.Length; k++)
                {
                    sum += row[(indices[k] * Channels) + c] * weights[k];
                }

                output[(x * Channels) + c] = sum;
            }
        }
    }

    /// <summary>
    /// Computes a pixel at a time, with its channels in the lanes. The next pixel overwrites the fourth lane.
    /// </summary>
    private static void Vectorized(ReadOnlySpan<byte> row, Span<int> output, OpenCvTaps columns, int width)
    {
        for (int x = 0; x < width; x++)
        {
            ReadOnlySpan<int> indices = columns.Indices(x);
            ReadOnlySpan<int> weights = columns.Weights(x);
            Vector128<int> sum = Vector128<int>.Zero;
            for (int k = 0; k < indices.Length; k++)
            {
                sum += RgbPixel.Load(row[(indices[k] * Channels)..]) * weights[k];
            }

            sum.CopyTo(output[(x * Channels)..]);
        }
    }
}
