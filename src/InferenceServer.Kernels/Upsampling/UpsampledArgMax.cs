using InferenceServer.Kernels.Labels;

namespace InferenceServer.Kernels.Upsampling;

/// <summary>Enlarges a score grid to the photo and labels every pixel, without ever writing the enlarged scores.</summary>
/// <remarks>
/// <para>Equals bilinear upsampling followed by argmax, pixel by pixel: the standard reading of a segmentation network's output. At
/// 1024×2048 and 19 classes the full-size scores would be 159 MB; the scratch here is two rows of a tile that fits the cache.</para>
/// <para>Ties go to the lower class; NaN never wins; a pixel with no score above −∞ is labelled 0. Interpolated scores are
/// within a few units in the last place of exact arithmetic, so labels can differ only where two classes are that close.</para>
/// <para>Give each thread its own slice of the rows and of the outputs; the kernel itself starts none.</para>
/// </remarks>
public static class UpsampledArgMax
{
    /// <summary>Two expanded rows of a tile, all classes, in bytes: most of a first-level cache of 48 KiB.</summary>
    private const int TileBytes = 40 * 1024;

    /// <summary>With many classes a tile outgrows the first-level cache instead of becoming a few vectors wide; chosen, not tuned.</summary>
    private const int MinTileWidth = 128;

    /// <summary>Labels every pixel with its highest interpolated score.</summary>
    /// <param name="scores">CHW on the grid; logits and probabilities alike.</param>
    /// <param name="classes">1 to 256.</param>
    /// <param name="grid">Size of a plane of <paramref name="scores"/>.</param>
    /// <param name="rows">Where each photo row falls on the grid.</param>
    /// <param name="columns">Where each photo column falls on the grid.</param>
    /// <param name="labels">HW of the photo, rows × columns; overwritten whole.</param>
    /// <exception cref="ArgumentException">Buffers, grid and taps do not belong together.</exception>
    public static void Compute(
        ReadOnlySpan<float> scores, int classes, ImageSize grid, AxisTaps rows, AxisTaps columns, Span<byte> labels) =>
        Compute(scores, classes, grid, rows, columns, ScoreKind.Logits, labels, []);

    /// <summary>Labels every pixel and says how sure the model is.</summary>
    /// <param name="scores">CHW on the grid.</param>
    /// <param name="classes">1 to 256.</param>
    /// <param name="grid">Size of a plane of <paramref name="scores"/>.</param>
    /// <param name="rows">Where each photo row falls on the grid.</param>
    /// <param name="columns">Where each photo column falls on the grid.</param>
    /// <param name="kind">Logits: confidence is the softmax of the interpolated scores. Probabilities: the interpolated value itself.</param>
    /// <param name="labels">HW of the photo, rows × columns; overwritten whole.</param>
    /// <param name="confidence">
    /// HW of the photo: the winner's probability × 255, rounded half up; 0 where a class is NaN (with logits). Empty: not wanted.
    /// </param>
    /// <exception cref="ArgumentException">Buffers, grid and taps do not belong together.</exception>
    public static void Compute(
        ReadOnlySpan<float> scores, int classes, ImageSize grid, AxisTaps rows, AxisTaps columns,
        ScoreKind kind, Span<byte> labels, Span<byte> confidence)
    {
        GridArguments.Check(scores.Length, classes, grid, rows, columns, labels.Length, confidence.Length);
        if (columns.IsShift)
        {
            RunInPlace(scores, classes, grid, rows, columns, kind, labels, confidence);
            return;
        }

        foreach ((int start, int width) in Tiles(columns.Count, classes))
        {
            RunTile(scores, classes, grid, rows, columns, start, width, kind, labels, confidence);
        }
    }

    /// <summary>The plain formula, pixel by pixel: the specification.</summary>
    internal static void Scalar(
        ReadOnlySpan<float> scores, int classes, ImageSize grid, AxisTaps rows, AxisTaps columns,
        ScoreKind kind, Span<byte> labels, Span<byte> confidence)
    {
        int width = columns.Count;
        float[] lower = new float[classes * width], upper = new float[classes * width];
        for (int y = 0; y < rows.Count; y++)
        {
            for (int c = 0; c < classes; c++)
            {
                ReadOnlySpan<float> plane = scores.Slice((int)(c * grid.Pixels), (int)grid.Pixels);
                Span<float> near = lower.AsSpan(c * width, width), far = upper.AsSpan(c * width, width);
                ColumnExpander.Scalar(columns, plane.Slice(rows.Lower[y] * grid.Width, grid.Width), near);
                ColumnExpander.Scalar(columns, plane.Slice(rows.Upper(y) * grid.Width, grid.Width), far);
            }

            ScoreRows pixels = new(lower, upper, width, rows.Fractions[y], classes, width);
            ArgMaxRow.Scalar(pixels, labels.Slice(y * width, width), 0);
            if (!confidence.IsEmpty)
            {
                ConfidenceRow.Scalar(pixels, kind, confidence.Slice(y * width, width), 0);
            }
        }
    }

    /// <summary>Columns lie on grid columns: nothing to expand, rows are read where they are.</summary>
    private static void RunInPlace(
        ReadOnlySpan<float> scores, int classes, ImageSize grid, AxisTaps rows, AxisTaps columns,
        ScoreKind kind, Span<byte> labels, Span<byte> confidence)
    {
        int stride = (int)grid.Pixels, width = columns.Count, first = columns.Lower[0];
        for (int y = 0; y < rows.Count; y++)
        {
            ReadOnlySpan<float> lower = scores[((rows.Lower[y] * grid.Width) + first)..];
            ReadOnlySpan<float> upper = scores[((rows.Upper(y) * grid.Width) + first)..];
            ScoreRows pixels = new(lower, upper, stride, rows.Fractions[y], classes, width);
            RunRow(pixels, kind, labels.Slice(y * width, width), confidence, y * width);
        }
    }

    private static void RunTile(
        ReadOnlySpan<float> scores, int classes, ImageSize grid, AxisTaps rows, AxisTaps columns, int start, int width,
        ScoreKind kind, Span<byte> labels, Span<byte> confidence)
    {
        using ExpandedRows expanded = new(scores, grid, classes, columns.Slice(start, width));
        for (int y = 0; y < rows.Count; y++)
        {
            int offset = (y * columns.Count) + start;
            RunRow(expanded.At(rows, y), kind, labels.Slice(offset, width), confidence, offset);
        }
    }

    private static void RunRow(in ScoreRows pixels, ScoreKind kind, Span<byte> labels, Span<byte> confidence, int offset)
    {
        ArgMaxRow.Compute(pixels, labels);
        if (!confidence.IsEmpty)
        {
            ConfidenceRow.Compute(pixels, kind, confidence.Slice(offset, labels.Length));
        }
    }

    /// <summary>Tiles of equal width, to a whole number of vectors: a narrow last one would be all remainder.</summary>
    private static IEnumerable<(int Start, int Width)> Tiles(int columns, int classes)
    {
        int most = Math.Max(TileBytes / (2 * sizeof(float) * classes), MinTileWidth);
        int tiles = (columns + most - 1) / most;
        int width = ((columns + tiles - 1) / tiles + 63) / 64 * 64;
        for (int start = 0; start < columns; start += width)
        {
            yield return (start, Math.Min(width, columns - start));
        }
    }
}
