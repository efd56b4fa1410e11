using System.Numerics;

namespace InferenceServer.Kernels.Upsampling;

/// <summary>
/// Enlarges a grid of scores to the size of the image, for a CRF or a fusion, which need every class of every pixel.
/// </summary>
/// <remarks>Bilinear. If only labels are needed, <see cref="UpsampledArgMax"/> is faster and stores less.</remarks>
public static class UpsampledScores
{
    /// <summary>Computes the interpolated score of every class at every pixel.</summary>
    /// <param name="scores">Scores on the grid, CHW.</param>
    /// <param name="classes">Number of classes, 1 to 65,536.</param>
    /// <param name="grid">Size of a plane of <paramref name="scores"/>.</param>
    /// <param name="rows">Position on the grid of each image row.</param>
    /// <param name="columns">Position on the grid of each image column.</param>
    /// <param name="output">Receives the scores of the image, CHW; overwritten whole.</param>
    /// <exception cref="ArgumentException">The lengths, sizes or positions do not fit each other.</exception>
    public static void Compute(
        ReadOnlySpan<float> scores, int classes, ImageSize grid, AxisTaps rows, AxisTaps columns, Span<float> output)
    {
        int pixels = checked(rows.Count * columns.Count);
        AxisTaps.CheckGrid(scores.Length, classes, grid, rows, columns, pixels, 0);
        ArgumentOutOfRangeException.ThrowIfNotEqual(output.Length, (long)classes * pixels);
        using ExpandedRows expanded = new(scores, grid, classes, columns);
        for (int y = 0; y < rows.Count; y++)
        {
            ScoreRows row = expanded.At(rows, y);
            for (int c = 0; c < classes; c++)
            {
                Span<float> line = output.Slice((c * pixels) + (y * columns.Count), columns.Count);
                int done = Vectorized(row, c, line);
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

    private static int Vectorized(in ScoreRows row, int label, Span<float> line)
    {
        if (!Vector.IsHardwareAccelerated)
        {
            return 0;
        }

        int x = 0;
        for (; x <= line.Length - Vector<float>.Count; x += Vector<float>.Count)
        {
            row.VectorAt((label * row.Stride) + x).CopyTo(line[x..]);
        }

        return x;
    }
}
