namespace InferenceServer.Kernels.Metrics;

/// <summary>Which labels a label map holds, how much of each, and where.</summary>
public static class LabelStatistics
{
    /// <summary>Describes every label present.</summary>
    /// <param name="labels">HW.</param>
    /// <param name="size">Size of <paramref name="labels"/>.</param>
    /// <returns>One region a label, by rising label; not split into connected parts.</returns>
    /// <remarks>Works on runs of equal labels within a row, found a vector at a time: real masks have few.</remarks>
    /// <exception cref="ArgumentOutOfRangeException">The length is not that of the size.</exception>
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
