namespace DenseCrf.Permutohedral;

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
