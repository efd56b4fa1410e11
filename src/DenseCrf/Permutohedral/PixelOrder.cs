using System.Runtime.Intrinsics.X86;

namespace DenseCrf.Permutohedral;

/// <summary>The order in which all passes visit the pixels: down one vertical strip after the other.</summary>
/// <remarks>
/// A vertex is touched by pixels some dozen rows apart. Down a strip its row of values, and its slot of the table, are still in the
/// second-level cache when the next pixel wants them; along whole rows of the image they are not.
/// </remarks>
/// <param name="size">Of the image.</param>
internal readonly struct PixelOrder(ImageSize size)
{
    /// <summary>Pixels from one strip to the next; the last one may be narrower.</summary>
    private const int StripWidth = 64;

    /// <summary>Asks for the pixels of a plane that come one strip's width later, too far apart for the hardware to foresee.</summary>
    public unsafe void PrefetchBelow(float* pixel)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(pixel + size.Width);
        }
    }

    /// <summary>Where some pixels that follow each other lie in the image.</summary>
    /// <param name="first">Place in this order of the first one.</param>
    /// <param name="count">Up to <see cref="PixelBlock.Points"/>.</param>
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

/// <summary>Where up to sixteen pixels, neighbours in <see cref="PixelOrder"/>, lie in the image.</summary>
internal unsafe struct PixelBlock
{
    /// <summary>Pixels of a block; a multiple of every vector.</summary>
    public const int Points = 16;

    private fixed int _x[Points];
    private fixed int _y[Points];
    private fixed int _pixels[Points];

    public int Count { get; private set; }

    /// <summary>Whether it is a whole block and lies within one row of the image, as nearly all do.</summary>
    public bool IsRun { get; private set; }

    public readonly int X(int i) => _x[i];

    public readonly int Y(int i) => _y[i];

    /// <summary>Number in scan order.</summary>
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
