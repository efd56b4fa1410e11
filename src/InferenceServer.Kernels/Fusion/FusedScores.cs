using InferenceServer.Kernels.Upsampling;

namespace InferenceServer.Kernels.Fusion;

/// <summary>Adds one pass's scores to a canvas at the photo's resolution: interpolated as <see cref="UpsampledScores"/> does, and fused row by row while they are in the cache.</summary>
/// <remarks>What several passes of one pixel weigh is a product of a row's and a column's weight, since tiles lie on a grid; where they sum to 1, the sum is a mean.</remarks>
public static class FusedScores
{
    /// <summary>Adds one pass.</summary>
    /// <param name="scores">CHW on the grid.</param>
    /// <param name="grid">Size of a plane of <paramref name="scores"/>.</param>
    /// <param name="rows">Where each photo row of the pass falls on the grid.</param>
    /// <param name="columns">Where each photo column of the pass falls on the grid.</param>
    /// <param name="fusion">How.</param>
    /// <param name="rowWeights">One for each of <paramref name="rows"/>.</param>
    /// <param name="columnWeights">One for each of <paramref name="columns"/>.</param>
    /// <param name="canvas">Gets the scores; its rows from <paramref name="top"/> on were cleared before their first pass.</param>
    /// <param name="left">The pass's first column in the photo.</param>
    /// <param name="top">The pass's first row in the photo.</param>
    /// <exception cref="ArgumentException">Buffers, grid, taps and canvas do not belong together.</exception>
    public static void Add(
        ReadOnlySpan<float> scores, ImageSize grid, AxisTaps rows, AxisTaps columns, ScoreFusion fusion,
        ReadOnlySpan<float> rowWeights, ReadOnlySpan<float> columnWeights, in ScoreCanvas canvas, int left, int top)
    {
        GridArguments.Check(scores.Length, canvas.Classes, grid, rows, columns, checked(rows.Count * columns.Count), 0);
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

/// <summary>How the scores of one pass join those of the others at a pixel.</summary>
public enum ScoreFusion
{
    /// <summary>The sum, each score times the pass's weight there.</summary>
    Add,

    /// <summary>The same of softmax probabilities.</summary>
    AddSoftmax,

    /// <summary>The same of each plane's sigmoid.</summary>
    AddSigmoid,

    /// <summary>The largest score of each class; weights do not count.</summary>
    Max,
}
