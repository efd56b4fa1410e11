using InferenceServer.Kernels.Labels;

namespace InferenceServer.Kernels.Upsampling;

/// <summary>
/// Where the pixels of one axis of the photo fall on the model's score grid: for each, the lower of its two neighbours and
/// the fraction of the way to the next. Immutable; rows and columns are two of these.
/// </summary>
/// <remarks>
/// <para>Two mappings in a row, computed in double. First from photo to model input, undoing the resize and the padding (the padding
/// is cropped before it can bleed in): p = clamp((x + ½) · image / output − ½, m, image − 1 − m) + offset. Then from
/// input to grid: q = p · (grid − 1) / (input − 1) with aligned corners (0 where input is 1), else
/// clamp((p + ½) · grid / input − ½, 0, grid − 1).</para>
/// <para>m is 0, except on a grid finer than the input (a super-resolving model): there the crop falls between grid points, which reach
/// half an input pixel less half a grid pixel beyond the outermost input pixels, m = ½ · input / grid − ½.</para>
/// <para>Of a tile, which is a part of the resized photo, p is taken from the tile's first pixel on and clamped to the tile.</para>
/// <para>With output = image = input this is PyTorch's <c>F.interpolate(mode="bilinear")</c> to the input's size; with an
/// offset or a shorter image, the same and then cropped.</para>
/// </remarks>
public sealed class AxisTaps
{
    private readonly int[] _lower;
    private readonly float[] _fractions;
    private readonly int _start;

    private AxisTaps(int[] lower, float[] fractions, int start, int count, int grid)
    {
        _lower = lower;
        _fractions = fractions;
        _start = start;
        Count = count;
        Grid = grid;
        IsShift = FindsShift();
    }

    /// <summary>Number of photo pixels described.</summary>
    public int Count { get; }

    /// <summary>Length of the score grid along this axis.</summary>
    public int Grid { get; }

    /// <summary>Whether pixel i lies exactly on grid point i and both ends coincide: nothing to interpolate.</summary>
    public bool IsIdentity => IsShift && Count == Grid;

    /// <summary>For each pixel the grid index at or before it, 0 to <see cref="Grid"/> − 1.</summary>
    public ReadOnlySpan<int> Lower => _lower.AsSpan(_start, Count);

    /// <summary>For each pixel the weight of the next grid index, 0…1; 0 where there is no next one.</summary>
    public ReadOnlySpan<float> Fractions => _fractions.AsSpan(_start, Count);

    /// <summary>Whether consecutive pixels lie exactly on consecutive grid points, wherever the first one is.</summary>
    internal bool IsShift { get; }

    /// <summary>Describes one axis.</summary>
    /// <param name="output">Length of the photo, in pixels.</param>
    /// <param name="image">Length of the resized photo inside the model input.</param>
    /// <param name="input">Length of the model input, padding included.</param>
    /// <param name="offset">First pixel of the image inside the input.</param>
    /// <param name="grid">Length of the model's output.</param>
    /// <param name="alignCorners">Whether the model's grid is to be enlarged with aligned corners.</param>
    /// <param name="covered">Points of the grid that count, from its beginning: what lies beyond is cropped before anything is enlarged. Null takes all.</param>
    /// <exception cref="ArgumentOutOfRangeException">A length is not positive, or the image does not lie inside the input.</exception>
    public static AxisTaps Create(int output, int image, int input, int offset, int grid, bool alignCorners, int? covered = null) =>
        Create(output, image, AxisTile.Whole(output, image), input, offset, grid, alignCorners, covered);

    /// <summary>Describes one axis of a tile: the pixels that the tile answers for, on the grid of its own model output.</summary>
    /// <param name="output">Length of the photo, in pixels.</param>
    /// <param name="image">Length of the resized photo, of which the tile is a part.</param>
    /// <param name="tile">The part.</param>
    /// <param name="input">Length of the model input, padding included.</param>
    /// <param name="offset">First pixel of the tile inside the input.</param>
    /// <param name="grid">Length of the model's output.</param>
    /// <param name="alignCorners">Whether the model's grid is to be enlarged with aligned corners.</param>
    /// <param name="covered">Points of the grid that count, from its beginning. Null takes all.</param>
    /// <exception cref="ArgumentOutOfRangeException">A length is not positive, or the tile does not lie inside photo and input.</exception>
    public static AxisTaps Create(int output, int image, in AxisTile tile, int input, int offset, int grid, bool alignCorners, int? covered = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(output);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(image);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(grid);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(tile.Length, input - offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(tile.Count, output - tile.First);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(tile.Length, image - tile.Start);

        int last = (covered ?? grid) - 1;
        ArgumentOutOfRangeException.ThrowIfNegative(last, nameof(covered));
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(last, grid, nameof(covered));
        double margin = alignCorners ? 0 : Math.Min((0.5 * input / grid) - 0.5, 0);
        int[] lower = new int[tile.Count];
        float[] fractions = new float[tile.Count];
        for (int x = 0; x < lower.Length; x++)
        {
            double p = Math.Clamp(((tile.First + x + 0.5) * image / output) - 0.5 - tile.Start, margin, tile.Length - 1 - margin) + offset;
            double q = !alignCorners ? Math.Clamp(((p + 0.5) * grid / input) - 0.5, 0, last)
                : input == 1 ? 0
                : Math.Min(p * (grid - 1) / (input - 1), last);
            lower[x] = Math.Min((int)q, last);
            fractions[x] = lower[x] == last ? 0 : (float)(q - lower[x]);
        }

        return new AxisTaps(lower, fractions, 0, lower.Length, grid);
    }

    /// <summary>The taps of <paramref name="count"/> pixels from <paramref name="start"/> on, on the same grid.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The range leaves 0…<see cref="Count"/>.</exception>
    public AxisTaps Slice(int start, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Count - start);
        return new AxisTaps(_lower, _fractions, _start + start, count, Grid);
    }

    /// <summary>The grid index after <see cref="Lower"/>; the last one is its own successor.</summary>
    internal int Upper(int x) => Math.Min(_lower[_start + x] + 1, Grid - 1);

    private bool FindsShift()
    {
        for (int x = 0; x < Count; x++)
        {
            if (Fractions[x] != 0 || Lower[x] != Lower[0] + x)
            {
                return false;
            }
        }

        return true;
    }
}

/// <summary>One tile's part of one axis: the photo's pixels that the tile answers for, and the pixels of the resized photo that its network sees.</summary>
/// <param name="First">First photo pixel.</param>
/// <param name="Count">Number of photo pixels.</param>
/// <param name="Start">First pixel of the resized photo.</param>
/// <param name="Length">Number of pixels of the resized photo.</param>
/// <remarks>A photo pixel belongs to every tile within whose outer edges its centre falls, so tiles that touch leave no pixel out and pixels between two grids are clamped to the tile.</remarks>
public readonly record struct AxisTile(int First, int Count, int Start, int Length)
{
    /// <summary>The whole axis in one tile.</summary>
    /// <param name="output">Length of the photo.</param>
    /// <param name="image">Length of the resized photo.</param>
    public static AxisTile Whole(int output, int image) => new(0, output, 0, image);

    /// <summary>The tile that sees <paramref name="length"/> pixels of the resized photo from <paramref name="start"/> on.</summary>
    /// <param name="output">Length of the photo.</param>
    /// <param name="image">Length of the resized photo.</param>
    /// <param name="start">First pixel that it sees.</param>
    /// <param name="length">Number of pixels that it sees.</param>
    /// <exception cref="ArgumentOutOfRangeException">The tile does not lie inside the resized photo.</exception>
    public static AxisTile Create(int output, int image, int start, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, image - start);
        int first = FirstFrom(output, image, start);
        return new AxisTile(first, FirstFrom(output, image, start + length) - first, start, length);
    }

    // The first x with (x + ½) · image / output ≥ edge, in whole numbers, so that neighbours agree on it.
    private static int FirstFrom(int output, int image, int edge)
    {
        long numerator = (2L * edge * output) - image, denominator = 2L * image;
        return numerator <= 0 ? 0 : (int)((numerator + denominator - 1) / denominator);
    }
}

/// <summary>The argument checks of the kernels that go from a grid to the photo.</summary>
internal static class GridArguments
{
    public static void Check(
        int scores, int classes, ImageSize grid, AxisTaps rows, AxisTaps columns, int labels, int confidence)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(classes, ArgMax.MaxClasses);
        ArgumentOutOfRangeException.ThrowIfNotEqual(scores, grid.Pixels * classes);
        ArgumentOutOfRangeException.ThrowIfNotEqual(labels, (long)rows.Count * columns.Count);
        if (rows.Grid != grid.Height || columns.Grid != grid.Width)
        {
            throw new ArgumentException($"The taps are for a grid of {columns.Grid}×{rows.Grid}, the scores have {grid}.", nameof(grid));
        }

        if (confidence != 0)
        {
            ArgumentOutOfRangeException.ThrowIfNotEqual(confidence, labels);
        }
    }
}
