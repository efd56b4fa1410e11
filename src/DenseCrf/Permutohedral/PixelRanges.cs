namespace DenseCrf.Permutohedral;

/// <summary>The pixels of an image, cut into one run for each lane of the team.</summary>
/// <param name="Pixels">Of the image, in scan order.</param>
/// <param name="Count">Number of runs; some may be empty.</param>
internal readonly record struct PixelRanges(long Pixels, int Count)
{
    /// <summary>Pixels between two watermarks: rows are cleared shortly before they are first written, while that is still one pass.</summary>
    public const int BlockPixels = 256;

    /// <summary>Blocks of all ranges.</summary>
    public int Blocks => FirstBlock(Count);

    /// <summary>A run starts at a multiple of a block, so that only the image's end leaves one incomplete.</summary>
    public (long Start, long End) this[int range] => (Boundary(range), Boundary(range + 1));

    public int FirstBlock(int range) => (int)((Boundary(range) + BlockPixels - 1) / BlockPixels);

    private long Boundary(int range) => range >= Count ? Pixels : Pixels * range / Count / BlockPixels * BlockPixels;
}
