namespace InferenceServer.Kernels.Fusion;

/// <summary>
/// The combined scores of several passes: every class of every pixel, for some or all rows of an image.
/// </summary>
/// <remarks>
/// A band holds <see cref="Rows"/> rows at a time, each row as CHW of height 1; row y takes the place of row y −
/// <see cref="Rows"/>, which is then finished. A canvas of the whole image is plain CHW. Both are described by two
/// strides.
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

    /// <summary>The scores of all rows that the canvas holds.</summary>
    public Span<float> Values { get; }

    /// <summary>Number of classes.</summary>
    public int Classes { get; }

    /// <summary>Width of the image.</summary>
    public int Width { get; }

    /// <summary>Number of rows that the canvas holds at a time.</summary>
    public int Rows { get; }

    /// <summary>Number of values from one class of a pixel to the next class.</summary>
    internal int ClassStride { get; }

    /// <summary>Creates a canvas that holds <paramref name="rows"/> rows at a time.</summary>
    /// <param name="values">Memory for classes × width × rows scores.</param>
    /// <param name="classes">Number of classes, at least 1.</param>
    /// <param name="width">Width of the image, at least 1.</param>
    /// <param name="rows">Number of rows, at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is below 1, or the length does not fit.</exception>
    public static ScoreCanvas Band(Span<float> values, int classes, int width, int rows) =>
        new(values, classes, width, rows, classes * width, width);

    /// <summary>Creates a canvas of the whole image, CHW.</summary>
    /// <param name="values">Memory for classes × width × height scores.</param>
    /// <param name="classes">Number of classes, at least 1.</param>
    /// <param name="size">Size of the image.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is below 1, or the length does not fit.</exception>
    public static ScoreCanvas Planes(Span<float> values, int classes, ImageSize size) =>
        new(values, classes, size.Width, size.Height, size.Width, size.Width * size.Height);

    /// <summary>Index in <see cref="Values"/> of class 0 of the first pixel of row <paramref name="y"/>.</summary>
    public int Start(int y) => y % Rows * _rowStride;

    /// <summary>The scores of class <paramref name="c"/> in row <paramref name="y"/>.</summary>
    public Span<float> Row(int y, int c) => Values.Slice(Start(y) + (c * ClassStride), Width);

    /// <summary>Prepares rows for their first pass.</summary>
    /// <param name="first">The first row.</param>
    /// <param name="end">The row after the last one, at most <paramref name="first"/> + <see cref="Rows"/>.</param>
    /// <param name="fusion">How scores will be combined: sums start at 0, maxima at −∞.</param>
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
