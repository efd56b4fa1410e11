using System.Numerics;

namespace InferenceServer.Kernels.Resizing;

/// <summary>The vertical pass of <see cref="OpenCvResizer"/>, with the arithmetic of OpenCV for x86-64.</summary>
internal static class OpenCvVertical
{
    /// <summary>
    /// OpenCV computes the cubic in float for whole groups of eight values, and in integers for the rest. The two
    /// results can differ by one level, so the same values are computed in float here, for every vector length.
    /// </summary>
    private const int FloatGroup = 8;

    private const float FloatScale = 1f / (1 << (2 * OpenCvTaps.CoefficientBits));

    /// <param name="window">Horizontally resized rows; row i is in slot i modulo the number of taps.</param>
    /// <param name="slot">Values from one slot to the next.</param>
    /// <param name="indices">The two or four source rows of the output row.</param>
    /// <param name="weights">Weights of the source rows, with 11 fractional bits.</param>
    /// <param name="output">Receives the output row.</param>
    public static void Run(
        ReadOnlySpan<int> window, int slot, ReadOnlySpan<int> indices, ReadOnlySpan<int> weights, Span<byte> output)
    {
        int length = output.Length, taps = indices.Length;
        ReadOnlySpan<int> row0 = window.Slice(indices[0] % taps * slot, length);
        ReadOnlySpan<int> row1 = window.Slice(indices[1] % taps * slot, length);
        if (taps == 2)
        {
            int done = LinearVectorized(row0, row1, weights, output);
            LinearScalar(row0, row1, weights, output, done);
        }
        else
        {
            ReadOnlySpan<int> row2 = window.Slice(indices[2] % taps * slot, length);
            ReadOnlySpan<int> row3 = window.Slice(indices[3] % taps * slot, length);
            int done = CubicVectorized(row0, row1, row2, row3, weights, output);
            CubicScalar(row0, row1, row2, row3, weights, output, done);
        }
    }

    internal static void LinearScalar(
        ReadOnlySpan<int> row0, ReadOnlySpan<int> row1, ReadOnlySpan<int> weights, Span<byte> output, int start)
    {
        for (int x = start; x < output.Length; x++)
        {
            int sum = ((weights[0] * (row0[x] >> 4)) >> 16) + ((weights[1] * (row1[x] >> 4)) >> 16);
            output[x] = (byte)Math.Clamp((sum + 2) >> 2, 0, byte.MaxValue);
        }
    }

    private static int LinearVectorized(
        ReadOnlySpan<int> row0, ReadOnlySpan<int> row1, ReadOnlySpan<int> weights, Span<byte> output)
    {
        if (!Vector.IsHardwareAccelerated)
        {
            return 0;
        }

        int n = Vector<int>.Count, x = 0;
        Vector<int> weight0 = new(weights[0]), weight1 = new(weights[1]);
        for (; x <= output.Length - Vector<byte>.Count; x += Vector<byte>.Count)
        {
            SaturatedBytes.Narrow(
                Linear(row0[x..], row1[x..], weight0, weight1),
                Linear(row0[(x + n)..], row1[(x + n)..], weight0, weight1),
                Linear(row0[(x + (2 * n))..], row1[(x + (2 * n))..], weight0, weight1),
                Linear(row0[(x + (3 * n))..], row1[(x + (3 * n))..], weight0, weight1)).CopyTo(output[x..]);
        }

        return x;
    }

    internal static void CubicScalar(
        ReadOnlySpan<int> row0, ReadOnlySpan<int> row1, ReadOnlySpan<int> row2, ReadOnlySpan<int> row3,
        ReadOnlySpan<int> weights, Span<byte> output, int start)
    {
        const int Shift = 2 * OpenCvTaps.CoefficientBits;
        int floats = output.Length / FloatGroup * FloatGroup;
        float b0 = weights[0] * FloatScale, b1 = weights[1] * FloatScale, b2 = weights[2] * FloatScale, b3 = weights[3] * FloatScale;
        for (int x = start; x < floats; x++)
        {
            float sum = (row0[x] * b0) + ((row1[x] * b1) + ((row2[x] * b2) + (row3[x] * b3)));
            output[x] = (byte)Math.Clamp((int)MathF.Round(sum), 0, byte.MaxValue);
        }

        for (int x = Math.Max(start, floats); x < output.Length; x++)
        {
            int sum = (row0[x] * weights[0]) + (row1[x] * weights[1]) + (row2[x] * weights[2]) + (row3[x] * weights[3]);
            output[x] = (byte)Math.Clamp((sum + (1 << (Shift - 1))) >> Shift, 0, byte.MaxValue);
        }
    }

    private static int CubicVectorized(
        ReadOnlySpan<int> row0, ReadOnlySpan<int> row1, ReadOnlySpan<int> row2, ReadOnlySpan<int> row3,
        ReadOnlySpan<int> weights, Span<byte> output)
    {
        if (!Vector.IsHardwareAccelerated)
        {
            return 0;
        }

        // Whole vectors of bytes are whole groups of eight, so none of these values belongs to the rest.
        int n = Vector<int>.Count, x = 0;
        Vector<float> b0 = new(weights[0] * FloatScale), b1 = new(weights[1] * FloatScale);
        Vector<float> b2 = new(weights[2] * FloatScale), b3 = new(weights[3] * FloatScale);
        for (; x <= output.Length - Vector<byte>.Count; x += Vector<byte>.Count)
        {
            Vector<int> a = Cubic(row0[x..], row1[x..], row2[x..], row3[x..], b0, b1, b2, b3);
            int i = x + n;
            Vector<int> b = Cubic(row0[i..], row1[i..], row2[i..], row3[i..], b0, b1, b2, b3);
            i += n;
            Vector<int> c = Cubic(row0[i..], row1[i..], row2[i..], row3[i..], b0, b1, b2, b3);
            i += n;
            Vector<int> d = Cubic(row0[i..], row1[i..], row2[i..], row3[i..], b0, b1, b2, b3);
            SaturatedBytes.Narrow(a, b, c, d).CopyTo(output[x..]);
        }

        return x;
    }

    private static Vector<int> Linear(ReadOnlySpan<int> row0, ReadOnlySpan<int> row1, Vector<int> weight0, Vector<int> weight1)
    {
        Vector<int> sum = ((weight0 * (new Vector<int>(row0) >> 4)) >> 16) + ((weight1 * (new Vector<int>(row1) >> 4)) >> 16);
        return (sum + new Vector<int>(2)) >> 2;
    }

    private static Vector<int> Cubic(
        ReadOnlySpan<int> row0, ReadOnlySpan<int> row1, ReadOnlySpan<int> row2, ReadOnlySpan<int> row3,
        Vector<float> b0, Vector<float> b1, Vector<float> b2, Vector<float> b3)
    {
        // No fused multiply-add, because OpenCV rounds every product.
        Vector<float> sum = (Vector.ConvertToSingle(new Vector<int>(row0)) * b0)
            + ((Vector.ConvertToSingle(new Vector<int>(row1)) * b1)
            + ((Vector.ConvertToSingle(new Vector<int>(row2)) * b2) + (Vector.ConvertToSingle(new Vector<int>(row3)) * b3)));
        return Vector.ConvertToInt32(Vector.Round(sum));
    }
}
