namespace InferenceServer.Cli.Evaluate;

/// <summary>The filters of PNG scanlines (PNG specification, third edition, §9), for pixels of one byte or less.</summary>
internal static class PngFilter
{
    /// <summary>Restores a scanline in place.</summary>
    /// <param name="filter">The filter's number, 0 to 4.</param>
    /// <param name="row">The filtered bytes.</param>
    /// <param name="above">The restored scanline above; zeros over the first.</param>
    /// <exception cref="InvalidDataException">There is no such filter.</exception>
    public static void Undo(int filter, Span<byte> row, ReadOnlySpan<byte> above)
    {
        byte left = 0, corner = 0;
        for (int i = 0; i < row.Length; i++)
        {
            int predicted = filter switch
            {
                0 => 0,
                1 => left,
                2 => above[i],
                3 => (left + above[i]) / 2,
                4 => Paeth(left, above[i], corner),
                _ => throw new InvalidDataException($"There is no filter {filter}."),
            };
            left = row[i] = (byte)(row[i] + predicted);
            corner = above[i];
        }
    }

    /// <summary>Of the three neighbours the one nearest to left + above − corner; of equally near ones the first.</summary>
    private static int Paeth(int left, int above, int corner)
    {
        int toLeft = Math.Abs(above - corner);
        int toAbove = Math.Abs(left - corner);
        int toCorner = Math.Abs(left + above - (2 * corner));
        return toLeft <= toAbove && toLeft <= toCorner ? left : toAbove <= toCorner ? above : corner;
    }
}
