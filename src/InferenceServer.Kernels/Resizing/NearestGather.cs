namespace InferenceServer.Kernels.Resizing;

/// <summary>Copies whole pixels from given columns and rows: the nearest filter of both resizers.</summary>
internal static class NearestGather
{
    private const int Channels = ResizeArguments.Channels;

    /// <param name="source">HWC.</param>
    /// <param name="sourceWidth">Width of the source.</param>
    /// <param name="destination">HWC, columns × rows.</param>
    /// <param name="columns">The source column of each destination column.</param>
    /// <param name="rows">The source row of each destination row.</param>
    public static void Copy(
        ReadOnlySpan<byte> source, int sourceWidth, Span<byte> destination, ReadOnlySpan<int> columns, ReadOnlySpan<int> rows)
    {
        int stride = columns.Length * Channels;
        for (int y = 0; y < rows.Length; y++)
        {
            Span<byte> output = destination.Slice(y * stride, stride);
            if (y > 0 && rows[y] == rows[y - 1])
            {
                destination.Slice((y - 1) * stride, stride).CopyTo(output);
                continue;
            }

            ReadOnlySpan<byte> row = source.Slice(rows[y] * sourceWidth * Channels, sourceWidth * Channels);
            for (int x = 0; x < columns.Length; x++)
            {
                row.Slice(columns[x] * Channels, Channels).CopyTo(output.Slice(x * Channels, Channels));
            }
        }
    }
}
