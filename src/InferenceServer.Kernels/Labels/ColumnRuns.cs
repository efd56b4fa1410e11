namespace InferenceServer.Kernels.Labels;

/// <summary>The binary mask of one label as run lengths, column by column from left to right, as in COCO.</summary>
/// <param name="Label">The label.</param>
/// <param name="Counts">
/// Lengths of the runs, by turns of pixels without and with the label, beginning without. Only the first may be 0.
/// Their sum is the number of pixels.
/// </param>
public sealed record ColumnRuns(byte Label, IReadOnlyList<int> Counts)
{
    private const int ColumnsAtOnce = 64;   // a cache line of each row

    /// <summary>Finds the runs of every label that occurs.</summary>
    /// <param name="labels">The label map, HW.</param>
    /// <param name="size">Size of the label map.</param>
    /// <returns>The runs of each label, by ascending label.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The length does not fit the size.</exception>
    public static IReadOnlyList<ColumnRuns> Compute(ReadOnlySpan<byte> labels, ImageSize size)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(labels.Length, size.Pixels);
        List<int>?[] counts = new List<int>[byte.MaxValue + 1];
        int[] ends = new int[byte.MaxValue + 1];
        byte[] columns = new byte[Math.Min(ColumnsAtOnce, size.Width) * size.Height];
        int start = 0, pixels = 0;
        byte current = labels.IsEmpty ? (byte)0 : labels[0];
        for (int left = 0; left < size.Width; left += ColumnsAtOnce)
        {
            ReadOnlySpan<byte> block = Transpose(labels, size, left, Math.Min(ColumnsAtOnce, size.Width - left), columns);
            for (int i = 0; i < block.Length;)
            {
                int run = block[i..].IndexOfAnyExcept(current);
                i = run < 0 ? block.Length : i + run;
                if (i < block.Length)
                {
                    Add(counts, ends, current, start, pixels + i);
                    (start, current) = (pixels + i, block[i]);
                }
            }

            pixels += block.Length;
        }

        if (pixels > 0)
        {
            Add(counts, ends, current, start, pixels);
        }

        return [.. Finish(counts, ends, pixels)];
    }

    private static ReadOnlySpan<byte> Transpose(ReadOnlySpan<byte> labels, ImageSize size, int left, int columns, byte[] block)
    {
        for (int y = 0; y < size.Height; y++)
        {
            ReadOnlySpan<byte> row = labels.Slice((y * size.Width) + left, columns);
            for (int x = 0; x < row.Length; x++)
            {
                block[(x * size.Height) + y] = row[x];
            }
        }

        return block.AsSpan(0, columns * size.Height);
    }

    private static void Add(List<int>?[] counts, int[] ends, byte label, int start, int end)
    {
        List<int> runs = counts[label] ??= [];
        runs.Add(start - ends[label]);
        runs.Add(end - start);
        ends[label] = end;
    }

    private static IEnumerable<ColumnRuns> Finish(List<int>?[] counts, int[] ends, int pixels)
    {
        for (int label = 0; label < counts.Length; label++)
        {
            if (counts[label] is { } runs)
            {
                if (ends[label] < pixels)
                {
                    runs.Add(pixels - ends[label]);
                }

                yield return new ColumnRuns((byte)label, runs);
            }
        }
    }
}
