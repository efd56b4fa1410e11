namespace InferenceServer.Kernels.Metrics;

/// <summary>Counts the pixels of each label in a label map, and finds the bounding box of each label.</summary>
public static class LabelStatistics
{
    /// <summary>Describes every label that occurs.</summary>
    /// <param name="labels">The label map, HW.</param>
    /// <param name="size">Size of the label map.</param>
    /// <returns>One region for each label, by ascending label. A region is not split into connected parts.</returns>
    /// <remarks>Works on runs of equal labels within a row, of which the masks of networks have few.</remarks>
    /// <exception cref="ArgumentOutOfRangeException">The length does not fit the size.</exception>
    public static IReadOnlyList<LabelRegion> Compute(ReadOnlySpan<byte> labels, ImageSize size)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(labels.Length, size.Pixels);
        LabelExtent[] extents = new LabelExtent[byte.MaxValue + 1];
        Array.Fill(extents, LabelExtent.Empty);
        for (int y = 0; y < size.Height; y++)
        {
            ReadOnlySpan<byte> row = labels.Slice(y * size.Width, size.Width);
            for (int x = 0; x < row.Length;)
            {
                byte label = row[x];
                int run = row[x..].IndexOfAnyExcept(label);
                int end = run < 0 ? row.Length : x + run;
                extents[label].AddRun(y, x, end);
                x = end;
            }
        }

        List<LabelRegion> regions = [];
        for (int label = 0; label < extents.Length; label++)
        {
            if (extents[label].Pixels > 0)
            {
                regions.Add(extents[label].ToRegion((byte)label));
            }
        }

        return regions;
    }
}

/// <summary>The pixels of one label in a label map: their number and their bounding box.</summary>
/// <param name="Label">The label.</param>
/// <param name="Pixels">Number of pixels, at least 1.</param>
/// <param name="Left">First column of the box.</param>
/// <param name="Top">First row of the box.</param>
/// <param name="Width">Columns of the box, at least 1.</param>
/// <param name="Height">Rows of the box, at least 1.</param>
public readonly record struct LabelRegion(byte Label, long Pixels, int Left, int Top, int Width, int Height);

/// <summary>The number of pixels and the bounding box of a label, to which runs are added from top to bottom.</summary>
internal struct LabelExtent
{
    private int _left;
    private int _top;
    private int _right;    // exclusive
    private int _bottom;   // exclusive

    public static LabelExtent Empty => new() { _left = int.MaxValue, _top = int.MaxValue };

    public long Pixels { get; private set; }

    public void AddRun(int row, int start, int end)
    {
        Pixels += end - start;
        _left = Math.Min(_left, start);
        _right = Math.Max(_right, end);
        _top = Math.Min(_top, row);
        _bottom = row + 1;
    }

    public readonly LabelRegion ToRegion(byte label) => new(label, Pixels, _left, _top, _right - _left, _bottom - _top);
}

/// <summary>The confidence of a network in each class, averaged over the pixels of the class.</summary>
public static class ClassConfidence
{
    /// <summary>Computes the mean confidence of each label.</summary>
    /// <param name="labels">The label map, HW.</param>
    /// <param name="confidences">The probability of each pixel's label times 255, HW; may be empty.</param>
    /// <returns>
    /// 256 values from 0 to 1, by label; 0 for labels that do not occur, and for all labels without confidences.
    /// </returns>
    /// <exception cref="ArgumentOutOfRangeException">The lengths differ.</exception>
    public static double[] Compute(ReadOnlySpan<byte> labels, ReadOnlySpan<byte> confidences)
    {
        double[] means = new double[byte.MaxValue + 1];
        if (confidences.IsEmpty)
        {
            return means;
        }

        ArgumentOutOfRangeException.ThrowIfNotEqual(confidences.Length, labels.Length);
        long[] sums = new long[means.Length], counts = new long[means.Length];
        for (int i = 0; i < labels.Length; i++)
        {
            sums[labels[i]] += confidences[i];
            counts[labels[i]]++;
        }

        for (int label = 0; label < means.Length; label++)
        {
            means[label] = sums[label] / (255.0 * Math.Max(counts[label], 1));
        }

        return means;
    }
}
