using System.Runtime.Intrinsics;

namespace InferenceServer.Kernels.Resizing;

/// <summary>The horizontal pass of <see cref="OpenCvResizer"/>: bytes times 11-bit weights, kept in 32 bits.</summary>
internal static class OpenCvHorizontal
{
    private const int Channels = ResizeArguments.Channels;

    /// <param name="row">One source row and one byte after it.</param>
    /// <param name="output">The resized row, three values a pixel, and one value after it.</param>
    /// <param name="columns">Taps of the horizontal axis.</param>
    /// <param name="width">Pixels of the resized row.</param>
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

    /// <summary>One pixel a step, its channels in the lanes; the fourth lane is overwritten by the next pixel.</summary>
    internal static void Vectorized(ReadOnlySpan<byte> row, Span<int> output, OpenCvTaps columns, int width)
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
