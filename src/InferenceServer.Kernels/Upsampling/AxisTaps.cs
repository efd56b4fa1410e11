using InferenceServer.Kernels.Labels;

namespace InferenceServer.Kernels.Upsampling;

/// <summary>
/// The positions of the image's pixels on the model's score grid, along one axis: for each pixel the lower of its two
/// neighbouring grid points, and the fraction of the way to the upper one. Immutable.
/// </summary>
/// <remarks>
/// <para>Two mappings in a row, computed in double. The first leads from the image to the model's input. It undoes the
/// resize and the padding: p = clamp((x + ½) · resized / image − ½, m, resized − 1 − m) + offset. The padding is
/// cropped before it can influence pixels of the image. The second leads from the input to the grid: q = p · (grid − 1)
/// / (input − 1) with aligned corners, where q is 0 if input is 1, and else q = clamp((p + ½) · grid / input − ½, 0,
/// grid − 1).</para>
/// <para>The margin m is 0, except on a grid finer than the input. There the crop lies between grid points, of which
/// the outermost lie half an input pixel less half a grid pixel outside of the outermost input pixels: m = ½ · input /
/// grid − ½, which is negative.</para>
/// <para>For a tile, which is a part of the resized image, p is counted from the tile's first pixel and clamped to the
/// tile.</para>
/// <para>With image = resized = input this is PyTorch's <c>F.interpolate(mode="bilinear")</c> to the size of the input;
/// with an offset or a smaller resized image, the same and then cropped.</para>
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

    /// <summary>Number of image pixels along the axis.</summary>
    public int Count { get; }

    /// <summary>Number of grid points along the axis.</summary>
    public int Grid { get; }

    /// <summary>For each pixel the index of the grid point at or before it, 0 to <see cref="Grid"/> − 1.</summary>
    internal ReadOnlySpan<int> Lower => _lower.AsSpan(_start, Count);

    /// <summary>For each pixel the weight of the next grid point, 0 to 1; 0 if there is no next grid point.</summary>
    internal ReadOnlySpan<float> Fractions => _fractions.AsSpan(_start, Count);

    /// <summary>Whether consecutive pixels lie exactly on consecutive grid points.</summary>
    internal bool IsShift { get; }

    /// <summary>Computes the positions along one axis of an image.</summary>
    /// <param name="image">Length of the image, in pixels.</param>
    /// <param name="resized">Length of the resized image within the model's input, in pixels.</param>
    /// <param name="input">Length of the model's input, padding included, in pixels.</param>
    /// <param name="offset">First pixel of the resized image within the input.</param>
    /// <param name="grid">Length of the model's output, in grid points.</param>
    /// <param name="alignCorners">Whether the corners of grid and input are aligned.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A length is not positive, or the resized image exceeds the input.
    /// </exception>
    public static AxisTaps Create(int image, int resized, int input, int offset, int grid, bool alignCorners) =>
        Create(image, resized, AxisTile.Whole(image, resized), input, offset, grid, alignCorners);

    /// <summary>
    /// Computes the positions along one axis of a tile, on the grid of the model's output for the tile.
    /// </summary>
    /// <param name="image">Length of the image, in pixels.</param>
    /// <param name="resized">Length of the resized image, of which the tile is a part, in pixels.</param>
    /// <param name="tile">The tile.</param>
    /// <param name="input">Length of the model's input, padding included, in pixels.</param>
    /// <param name="offset">First pixel of the tile within the input.</param>
    /// <param name="grid">Length of the model's output, in grid points.</param>
    /// <param name="alignCorners">Whether the corners of grid and input are aligned.</param>
    /// <param name="covered">Number of grid points to use, from the first one on; null uses all.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A length is not positive, or the tile exceeds the image, the resized image or the input.
    /// </exception>
    public static AxisTaps Create(
        int image, int resized, in AxisTile tile, int input, int offset, int grid, bool alignCorners, int? covered = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(image);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(resized);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(grid);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(tile.Length, input - offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(tile.Count, image - tile.First);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(tile.Length, resized - tile.Start);

        int last = (covered ?? grid) - 1;
        ArgumentOutOfRangeException.ThrowIfNegative(last, nameof(covered));
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(last, grid, nameof(covered));
        double margin = 0;
        if (!alignCorners)
        {
            margin = Math.Min((0.5 * input / grid) - 0.5, 0);
        }

        int[] lower = new int[tile.Count];
        float[] fractions = new float[tile.Count];
        for (int x = 0; x < lower.Length; x++)
        {
            double centre = ((tile.First + x + 0.5) * resized / image) - 0.5 - tile.Start;
            double p = Math.Clamp(centre, margin, tile.Length - 1 - margin) + offset, q = 0;
            if (!alignCorners)
            {
                q = Math.Clamp(((p + 0.5) * grid / input) - 0.5, 0, last);
            }
            else if (input > 1)
            {
                q = Math.Min(p * (grid - 1) / (input - 1), last);
            }

            lower[x] = Math.Min((int)q, last);
            if (lower[x] < last)
            {
                fractions[x] = (float)(q - lower[x]);
            }
        }

        return new AxisTaps(lower, fractions, 0, lower.Length, grid);
    }

    /// <summary>
    /// The positions of <paramref name="count"/> pixels from <paramref name="start"/> on, on the same grid.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A number is negative, or the range exceeds <see cref="Count"/>.
    /// </exception>
    public AxisTaps Slice(int start, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Count - start);
        return new AxisTaps(_lower, _fractions, _start + start, count, Grid);
    }

    /// <summary>The index of the grid point after <see cref="Lower"/>, or of the last grid point.</summary>
    internal int Upper(int x) => Math.Min(_lower[_start + x] + 1, Grid - 1);

    /// <summary>Checks the arguments of a kernel that enlarges a grid to the size of the image.</summary>
    /// <exception cref="ArgumentException">The lengths, sizes or positions do not fit each other.</exception>
    internal static void CheckGrid(
        int scores, int classes, ImageSize grid, AxisTaps rows, AxisTaps columns, int labels, int confidence)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(classes, ArgMax.MaxWideClasses);
        ArgumentOutOfRangeException.ThrowIfNotEqual(scores, grid.Pixels * classes);
        ArgumentOutOfRangeException.ThrowIfNotEqual(labels, (long)rows.Count * columns.Count);
        if (rows.Grid != grid.Height || columns.Grid != grid.Width)
        {
            throw new ArgumentException($"Expected scores on a grid of {columns.Grid}×{rows.Grid}, got a grid of {grid}.", nameof(grid));
        }

        if (confidence != 0)
        {
            ArgumentOutOfRangeException.ThrowIfNotEqual(confidence, labels);
        }
    }

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

/// <summary>
/// A tile along one axis: the pixels of the resized image that are the network's input, and the image pixels that it
/// labels.
/// </summary>
/// <param name="First">First image pixel.</param>
/// <param name="Count">Number of image pixels.</param>
/// <param name="Start">First pixel of the resized image.</param>
/// <param name="Length">Number of pixels of the resized image.</param>
/// <remarks>
/// An image pixel belongs to every tile that contains its centre. Tiles that touch therefore leave no pixel out, and
/// positions beyond the outermost grid points of a tile are clamped to the tile.
/// </remarks>
public readonly record struct AxisTile(int First, int Count, int Start, int Length)
{
    /// <summary>The whole axis as one tile.</summary>
    /// <param name="image">Length of the image.</param>
    /// <param name="resized">Length of the resized image.</param>
    public static AxisTile Whole(int image, int resized) => new(0, image, 0, resized);

    /// <summary>
    /// Creates the tile of <paramref name="length"/> pixels of the resized image from <paramref name="start"/> on.
    /// </summary>
    /// <param name="image">Length of the image.</param>
    /// <param name="resized">Length of the resized image.</param>
    /// <param name="start">First pixel of the tile, in the resized image.</param>
    /// <param name="length">Number of pixels of the tile, in the resized image.</param>
    /// <exception cref="ArgumentOutOfRangeException">The tile exceeds the resized image.</exception>
    public static AxisTile Create(int image, int resized, int start, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, resized - start);
        int first = FirstFrom(image, resized, start);
        return new AxisTile(first, FirstFrom(image, resized, start + length) - first, start, length);
    }

    /// <summary>
    /// The first x with (x + ½) · resized / image ≥ edge, computed in integers so that neighbouring tiles agree.
    /// </summary>
    private static int FirstFrom(int image, int resized, int edge)
    {
        long numerator = (2L * edge * image) - resized, denominator = 2L * resized;
        if (numerator <= 0)
        {
            return 0;
        }

        return (int)((numerator + denominator - 1) / denominator);
    }
}
