using System.Numerics;

namespace InferenceServer.Kernels.Upsampling;

/// <summary>Enlarges a score grid to the photo and writes all of it: for a CRF or a fusion, which need every class of every pixel.</summary>
/// <remarks>Bilinear, as <see cref="UpsampledArgMax"/>, which is the better choice wherever labels are all that is wanted.</remarks>
public static class UpsampledScores
{
    /// <summary>Writes every class's interpolated score.</summary>
    /// <param name="scores">CHW on the grid.</param>
    /// <param name="classes">1 to 256.</param>
    /// <param name="grid">Size of a plane of <paramref name="scores"/>.</param>
    /// <param name="rows">Where each photo row falls on the grid.</param>
    /// <param name="columns">Where each photo column falls on the grid.</param>
    /// <param name="output">CHW of the photo, classes × rows × columns; overwritten whole.</param>
    /// <exception cref="ArgumentException">Buffers, grid and taps do not belong together.</exception>
    public static void Compute(ReadOnlySpan<float> scores, int classes, ImageSize grid, AxisTaps rows, AxisTaps columns, Span<float> output)
    {
        int pixels = checked(rows.Count * columns.Count);
        GridArguments.Check(scores.Length, classes, grid, rows, columns, pixels, 0);
        ArgumentOutOfRangeException.ThrowIfNotEqual(output.Length, (long)classes * pixels);
        using ExpandedRows expanded = new(scores, grid, classes, columns);
        for (int y = 0; y < rows.Count; y++)
        {
            ScoreRows row = expanded.At(rows, y);
            for (int c = 0; c < classes; c++)
            {
                Span<float> line = output.Slice((c * pixels) + (y * columns.Count), columns.Count);
                int done = Vector.IsHardwareAccelerated ? Vectorized(row, c, line) : 0;
                Scalar(row, c, line, done);
            }
        }
    }

    internal static void Scalar(in ScoreRows row, int label, Span<float> line, int start)
    {
        for (int x = start; x < line.Length; x++)
        {
            line[x] = row.At((label * row.Stride) + x);
        }
    }

    internal static int Vectorized(in ScoreRows row, int label, Span<float> line)
    {
        int x = 0;
        for (; x <= line.Length - Vector<float>.Count; x += Vector<float>.Count)
        {
            row.VectorAt((label * row.Stride) + x).CopyTo(line[x..]);
        }

        return x;
    }
}
