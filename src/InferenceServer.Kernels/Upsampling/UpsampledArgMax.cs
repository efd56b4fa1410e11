using System.Numerics;
using InferenceServer.Kernels.Labels;

namespace InferenceServer.Kernels.Upsampling;

/// <summary>
/// Labels every pixel of the image from a smaller grid of scores, without storing the enlarged scores.
/// </summary>
/// <remarks>
/// <para>Equal to bilinear upsampling followed by argmax, pixel by pixel, which is how the output of a segmentation
/// network is usually read. At 1024×2048 and 19 classes the enlarged scores would take 159 MB; this kernel stores two
/// rows of a tile, which fit into the first-level cache.</para>
/// <para>On a tie the lower class wins. NaN never wins. A pixel without a score above −∞ gets label 0. Interpolated
/// scores are within a few units in the last place of exact arithmetic, so that labels can differ only where two
/// classes are that close.</para>
/// <para>Runs on the caller's thread. To use several threads, give each its own slice of the rows and of the
/// outputs.</para>
/// </remarks>
public static class UpsampledArgMax
{
    /// <summary>Bytes of a tile's two rows of all classes: most of a first-level cache of 48 KiB.</summary>
    private const int TileBytes = 40 * 1024;

    /// <summary>Smallest width of a tile, even if the tile then exceeds the first-level cache. Not tuned.</summary>
    private const int MinTileWidth = 128;

    /// <summary>Labels every pixel with the class of its highest interpolated score.</summary>
    /// <param name="scores">Scores on the grid, CHW; logits or probabilities.</param>
    /// <param name="classes">Number of classes, 1 to 256.</param>
    /// <param name="grid">Size of a plane of <paramref name="scores"/>.</param>
    /// <param name="rows">Position on the grid of each image row.</param>
    /// <param name="columns">Position on the grid of each image column.</param>
    /// <param name="labels">Receives the labels of the image, HW; overwritten whole.</param>
    /// <exception cref="ArgumentException">The lengths, sizes or positions do not fit each other.</exception>
    public static void Compute(
        ReadOnlySpan<float> scores, int classes, ImageSize grid, AxisTaps rows, AxisTaps columns, Span<byte> labels) =>
        Compute(scores, classes, grid, rows, columns, ScoreKind.Logits, labels, []);

    /// <summary>Labels every pixel, and computes the confidence of each label.</summary>
    /// <param name="scores">Scores on the grid, CHW.</param>
    /// <param name="classes">Number of classes, 1 to 256.</param>
    /// <param name="grid">Size of a plane of <paramref name="scores"/>.</param>
    /// <param name="rows">Position on the grid of each image row.</param>
    /// <param name="columns">Position on the grid of each image column.</param>
    /// <param name="kind">
    /// With logits the confidence is the softmax of the interpolated scores, with probabilities the interpolated score.
    /// </param>
    /// <param name="labels">Receives the labels of the image, HW; overwritten whole.</param>
    /// <param name="confidence">
    /// Receives the probability of each label times 255, HW, halves rounded up; 0 if a logit of the pixel is NaN.
    /// Empty: not computed.
    /// </param>
    /// <exception cref="ArgumentException">The lengths, sizes or positions do not fit each other.</exception>
    public static void Compute(
        ReadOnlySpan<float> scores, int classes, ImageSize grid, AxisTaps rows, AxisTaps columns,
        ScoreKind kind, Span<byte> labels, Span<byte> confidence)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(classes, ArgMax.MaxClasses);
        Run(scores, classes, grid, rows, columns, kind, labels, confidence);
    }

    /// <summary>Labels every pixel with 16 bits, for up to 65,536 classes.</summary>
    /// <inheritdoc
    /// cref="Compute(ReadOnlySpan{float}, int, ImageSize, AxisTaps, AxisTaps, ScoreKind, Span{byte}, Span{byte})"/>
    public static void Compute(
        ReadOnlySpan<float> scores, int classes, ImageSize grid, AxisTaps rows, AxisTaps columns,
        ScoreKind kind, Span<ushort> labels, Span<byte> confidence) =>
        Run(scores, classes, grid, rows, columns, kind, labels, confidence);

    private static void Run<TLabel>(
        ReadOnlySpan<float> scores, int classes, ImageSize grid, AxisTaps rows, AxisTaps columns,
        ScoreKind kind, Span<TLabel> labels, Span<byte> confidence)
        where TLabel : unmanaged, IBinaryInteger<TLabel>
    {
        AxisTaps.CheckGrid(scores.Length, classes, grid, rows, columns, labels.Length, confidence.Length);
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

    /// <summary>The plain formula, pixel by pixel: the specification of the fast form.</summary>
    internal static void Scalar<TLabel>(
        ReadOnlySpan<float> scores, int classes, ImageSize grid, AxisTaps rows, AxisTaps columns,
        ScoreKind kind, Span<TLabel> labels, Span<byte> confidence)
        where TLabel : unmanaged, IBinaryInteger<TLabel>
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

    /// <summary>For image columns that lie on grid columns: reads the rows of the grid in place.</summary>
    private static void RunInPlace<TLabel>(
        ReadOnlySpan<float> scores, int classes, ImageSize grid, AxisTaps rows, AxisTaps columns,
        ScoreKind kind, Span<TLabel> labels, Span<byte> confidence)
        where TLabel : unmanaged, IBinaryInteger<TLabel>
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

    private static void RunTile<TLabel>(
        ReadOnlySpan<float> scores, int classes, ImageSize grid, AxisTaps rows, AxisTaps columns, int start, int width,
        ScoreKind kind, Span<TLabel> labels, Span<byte> confidence)
        where TLabel : unmanaged, IBinaryInteger<TLabel>
    {
        using ExpandedRows expanded = new(scores, grid, classes, columns.Slice(start, width));
        for (int y = 0; y < rows.Count; y++)
        {
            int offset = (y * columns.Count) + start;
            RunRow(expanded.At(rows, y), kind, labels.Slice(offset, width), confidence, offset);
        }
    }

    private static void RunRow<TLabel>(in ScoreRows pixels, ScoreKind kind, Span<TLabel> labels, Span<byte> confidence, int offset)
        where TLabel : unmanaged, IBinaryInteger<TLabel>
    {
        ArgMaxRow.Compute(pixels, labels);
        if (!confidence.IsEmpty)
        {
            ConfidenceRow.Compute(pixels, kind, confidence.Slice(offset, labels.Length));
        }
    }

    /// <summary>
    /// Divides the columns into tiles of about equal width, because a narrow last tile would take the slow scalar loop.
    /// </summary>
    private static IEnumerable<(int Start, int Width)> Tiles(int columns, int classes)
    {
        int maxWidth = Math.Max(TileBytes / (2 * sizeof(float) * classes), MinTileWidth);
        int tiles = (columns + maxWidth - 1) / maxWidth;
        int width = ((columns + tiles - 1) / tiles + 63) / 64 * 64;
        for (int start = 0; start < columns; start += width)
        {
            yield return (start, Math.Min(width, columns - start));
        }
    }
}
