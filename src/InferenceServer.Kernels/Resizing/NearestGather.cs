namespace InferenceServer.Kernels.Resizing;

/// <summary>Copies whole pixels from given columns and rows: the nearest filter of either library.</summary>
internal static class NearestGather
{
    private const int Channels = ResizeArguments.Channels;

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
