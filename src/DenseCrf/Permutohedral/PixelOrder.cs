using System.Runtime.Intrinsics.X86;

namespace DenseCrf.Permutohedral;

/// <summary>
/// The order in which all passes visit the pixels: down one vertical strip of the image after the other.
/// </summary>
/// <remarks>
/// Pixels some dozen image rows apart touch the same vertex. Down a strip, the vertex's values and its slot in the
/// table are still in the second-level cache when the next of these pixels needs them; along whole rows of the image
/// they would not be.
/// </remarks>
/// <param name="size">Size of the image.</param>
internal readonly struct PixelOrder(ImageSize size)
{
    /// <summary>Width of a strip, in pixels; the last strip may be narrower.</summary>
    private const int StripWidth = 64;

    /// <summary>
    /// Prefetches the pixels of a plane one image row below, which are too far away for the hardware prefetcher.
    /// </summary>
    public unsafe void PrefetchBelow(float* pixel)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(pixel + size.Width);
        }
    }

    /// <summary>The positions in the image of consecutive pixels of this order.</summary>
    /// <param name="first">Number of the first pixel, in this order.</param>
    /// <param name="count">Number of pixels, at most <see cref="PixelBlock.Points"/>.</param>
    public unsafe PixelBlock Block(long first, int count)
    {
        PixelBlock block = default;
        (long strip, long within) = Math.DivRem(first, (long)StripWidth * size.Height);
        int left = (int)strip * StripWidth, right = Math.Min(left + StripWidth, size.Width);
        (int y, int x) = Math.DivRem((int)within, right - left);
        x += left;
        for (int i = 0; i < count; i++)
        {
            block.Set(i, x, y, (y * size.Width) + x);
            if (++x == right)
            {
                (x, y) = (left, y + 1);
                if (y == size.Height)
                {
                    (left, right, y) = (right, Math.Min(right + StripWidth, size.Width), 0);
                    x = left;
                }
            }
        }

        block.Close(count);
        return block;
    }
}

/// <summary>The positions in the image of up to sixteen consecutive pixels of <see cref="PixelOrder"/>.</summary>
internal unsafe struct PixelBlock
{
    /// <summary>Pixels in a whole block: a multiple of the length of every vector.</summary>
    public const int Points = 16;

    private fixed int _x[Points];
    private fixed int _y[Points];
    private fixed int _pixels[Points];

    public int Count { get; private set; }

    /// <summary>Whether the block is whole and lies within one row of the image, as nearly all blocks do.</summary>
    public bool IsRun { get; private set; }

    public readonly int X(int i) => _x[i];

    public readonly int Y(int i) => _y[i];

    /// <summary>Index of a pixel in scan order: y · width + x.</summary>
    public readonly int Pixel(int i) => _pixels[i];

    internal void Set(int i, int x, int y, int pixel)
    {
        _x[i] = x;
        _y[i] = y;
        _pixels[i] = pixel;
    }

    internal void Close(int count)
    {
        Count = count;
        IsRun = count == Points && _pixels[Points - 1] - _pixels[0] == Points - 1;
    }
}

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

    private long Boundary(int range)
    {
        if (range >= Count)
        {
            return Pixels;
        }

        return Pixels * range / Count / BlockPixels * BlockPixels;
    }
}
