using InferenceServer.Kernels.Upsampling;

namespace InferenceServer.Kernels.Fusion;

/// <summary>
/// Adds the scores of one pass to a canvas of the image's size, fused with the scores of earlier passes.
/// </summary>
/// <remarks>
/// Interpolates as <see cref="UpsampledScores"/> does, and fuses each row while it is in the cache. The weight of a
/// pass at a pixel is the product of a weight of its row and a weight of its column. If the weights of all passes at a
/// pixel sum to 1, the sum is a weighted mean.
/// </remarks>
public static class FusedScores
{
    /// <summary>Adds the scores of one pass.</summary>
    /// <param name="scores">Scores on the grid, CHW.</param>
    /// <param name="grid">Size of a plane of <paramref name="scores"/>.</param>
    /// <param name="rows">Position on the grid of each image row of the pass.</param>
    /// <param name="columns">Position on the grid of each image column of the pass.</param>
    /// <param name="fusion">How scores are combined.</param>
    /// <param name="rowWeights">Weight of each row of the pass.</param>
    /// <param name="columnWeights">Weight of each column of the pass.</param>
    /// <param name="canvas">Receives the scores. Rows must be cleared before their first pass.</param>
    /// <param name="left">Image column of the pass's first column.</param>
    /// <param name="top">Image row of the pass's first row.</param>
    /// <exception cref="ArgumentException">The lengths, sizes or positions do not fit each other.</exception>
    public static void Add(
        ReadOnlySpan<float> scores, ImageSize grid, AxisTaps rows, AxisTaps columns, ScoreFusion fusion,
        ReadOnlySpan<float> rowWeights, ReadOnlySpan<float> columnWeights, in ScoreCanvas canvas, int left, int top)
    {
        AxisTaps.CheckGrid(scores.Length, canvas.Classes, grid, rows, columns, checked(rows.Count * columns.Count), 0);
        ArgumentOutOfRangeException.ThrowIfNotEqual(rowWeights.Length, rows.Count);
        ArgumentOutOfRangeException.ThrowIfNotEqual(columnWeights.Length, columns.Count);
        ArgumentOutOfRangeException.ThrowIfNegative(left);
        ArgumentOutOfRangeException.ThrowIfNegative(top);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(left, canvas.Width - columns.Count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(rows.Count, canvas.Rows);
        if (columns.Count == 0)
        {
            return;
        }

        using ExpandedRows expanded = new(scores, grid, canvas.Classes, columns);
        for (int y = 0; y < rows.Count; y++)
        {
            Span<float> sums = canvas.Values[(canvas.Start(top + y) + left)..];
            FusedRow.Compute(expanded.At(rows, y), fusion, rowWeights[y], columnWeights, sums, canvas.ClassStride);
        }
    }
}

/// <summary>How the scores of several passes are combined at a pixel.</summary>
public enum ScoreFusion
{
    /// <summary>The weighted sum of the scores.</summary>
    Add,

    /// <summary>The weighted sum of the softmax probabilities.</summary>
    AddSoftmax,

    /// <summary>The weighted sum of the sigmoid of each score.</summary>
    AddSigmoid,

    /// <summary>The largest score of each class. Weights are ignored.</summary>
    Max,
}
