namespace DenseCrf.Permutohedral;

/// <summary>
/// The pixels of an image, in the order of <see cref="PixelOrder"/>, divided into one contiguous range for each worker.
/// </summary>
/// <param name="Pixels">Number of pixels in the image.</param>
/// <param name="Count">Number of ranges; some may be empty.</param>
internal readonly record struct PixelRanges(long Pixels, int Count)
{
    /// <summary>
    /// Pixels between two watermarks. A watermark is the number of vertices touched so far; it tells which rows the
    /// next block touches first and must therefore clear.
    /// </summary>
    public const int BlockPixels = 256;

    /// <summary>Number of blocks in all ranges.</summary>
    public int Blocks => FirstBlock(Count);

    /// <summary>First pixel of a range and the pixel after its last. Ranges start at whole blocks.</summary>
    public (long Start, long End) this[int range] => (Boundary(range), Boundary(range + 1));

    public int FirstBlock(int range) => (int)((Boundary(range) + BlockPixels - 1) / BlockPixels);

    private long Boundary(int range) => range >= Count ? Pixels : Pixels * range / Count / BlockPixels * BlockPixels;
}
