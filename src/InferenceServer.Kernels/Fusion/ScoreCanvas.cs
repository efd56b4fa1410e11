namespace InferenceServer.Kernels.Fusion;

/// <summary>Where passes add up: the scores of some of the photo's rows, every class of every pixel.</summary>
/// <remarks>
/// A band holds a few rows, each as a little CHW image of height 1, and row y in the place of row y − held: what is finished makes room for what
/// comes. A canvas for the whole photo is plain CHW. Loops see only the two strides.
/// </remarks>
public readonly ref struct ScoreCanvas
{
    private readonly int _rowStride;

    private ScoreCanvas(Span<float> values, int classes, int width, int rows, int rowStride, int classStride)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(classes);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rows);
        ArgumentOutOfRangeException.ThrowIfNotEqual(values.Length, (long)classes * width * rows, nameof(values));
        Values = values;
        (Classes, Width, Rows) = (classes, width, rows);
        (_rowStride, ClassStride) = (rowStride, classStride);
    }

    /// <summary>All values.</summary>
    public Span<float> Values { get; }

    /// <summary>Number of classes.</summary>
    public int Classes { get; }

    /// <summary>The photo's width.</summary>
    public int Width { get; }

    /// <summary>Rows that are held at once.</summary>
    public int Rows { get; }

    /// <summary>Values from one class of a pixel to the next.</summary>
    public int ClassStride { get; }

    /// <summary>A canvas of <paramref name="rows"/> rows at a time.</summary>
    /// <param name="values">classes × width × rows.</param>
    /// <param name="classes">Number of classes.</param>
    /// <param name="width">The photo's width.</param>
    /// <param name="rows">Rows that are held at once.</param>
    /// <exception cref="ArgumentOutOfRangeException">The length does not fit.</exception>
    public static ScoreCanvas Band(Span<float> values, int classes, int width, int rows) => new(values, classes, width, rows, classes * width, width);

    /// <summary>A canvas of the whole photo, CHW.</summary>
    /// <param name="values">classes × width × height.</param>
    /// <param name="classes">Number of classes.</param>
    /// <param name="size">The photo's size.</param>
    /// <exception cref="ArgumentOutOfRangeException">The length does not fit.</exception>
    public static ScoreCanvas Planes(Span<float> values, int classes, ImageSize size) => new(values, classes, size.Width, size.Height, size.Width, size.Width * size.Height);

    /// <summary>Index of class 0 of the first pixel of row <paramref name="y"/>.</summary>
    public int Start(int y) => y % Rows * _rowStride;

    /// <summary>Class <paramref name="c"/> of row <paramref name="y"/>.</summary>
    public Span<float> Row(int y, int c) => Values.Slice(Start(y) + (c * ClassStride), Width);

    /// <summary>Prepares rows for their first pass.</summary>
    /// <param name="first">The first of them.</param>
    /// <param name="end">The row after the last; at most <see cref="Rows"/> on.</param>
    /// <param name="fusion">What will be done there: sums begin at 0, maxima at −∞.</param>
    public void Clear(int first, int end, ScoreFusion fusion)
    {
        float value = fusion == ScoreFusion.Max ? float.NegativeInfinity : 0;
        for (int y = first; y < end; y++)
        {
            for (int c = 0; c < Classes; c++)
            {
                Row(y, c).Fill(value);
            }
        }
    }
}
