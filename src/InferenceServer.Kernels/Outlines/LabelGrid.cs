namespace InferenceServer.Kernels.Outlines;

/// <summary>A label map, surrounded by pixels of a label that does not occur in it.</summary>
internal readonly ref struct LabelGrid(ReadOnlySpan<byte> labels, ImageSize size)
{
    private const int Outside = -1;
    private readonly ReadOnlySpan<byte> _labels = labels;

    public int Width { get; } = size.Width;

    public int Height { get; } = size.Height;

    public int this[int x, int y]
    {
        get
        {
            bool inside = (uint)x < (uint)Width && (uint)y < (uint)Height;
            if (inside)
            {
                return _labels[(y * Width) + x];
            }

            return Outside;
        }
    }

    public ReadOnlySpan<byte> Row(int y) => _labels.Slice(y * Width, Width);

    /// <summary>The labels of the two pixels ahead of a corner, left and right of the heading.</summary>
    public (int Left, int Right) Ahead(GridPoint at, Heading heading) => heading switch
    {
        Heading.Up => (this[at.X - 1, at.Y - 1], this[at.X, at.Y - 1]),
        Heading.Right => (this[at.X, at.Y - 1], this[at.X, at.Y]),
        Heading.Down => (this[at.X, at.Y], this[at.X - 1, at.Y]),
        _ => (this[at.X - 1, at.Y], this[at.X - 1, at.Y - 1]),
    };

    /// <summary>Whether a boundary leads from a corner in this direction.</summary>
    public bool HasSide(GridPoint at, Heading heading)
    {
        (int left, int right) = Ahead(at, heading);
        return left != right;
    }

    /// <summary>
    /// Whether a corner is a node: more than two boundaries meet there, or it is a corner of the image.
    /// </summary>
    public bool IsNode(GridPoint at)
    {
        (int upperLeft, int upperRight) = Ahead(at, Heading.Up);
        (int lowerRight, int lowerLeft) = Ahead(at, Heading.Down);
        bool up = upperLeft != upperRight, down = lowerLeft != lowerRight;
        bool left = upperLeft != lowerLeft, right = upperRight != lowerRight;
        bool meet = (up && down && (left || right)) || (left && right && (up || down));
        return meet || ((at.X == 0 || at.X == Width) && (at.Y == 0 || at.Y == Height));
    }

    /// <summary>Whether a boundary turns at a corner that is not a node.</summary>
    public bool IsTurn(GridPoint at)
    {
        (int upperLeft, int upperRight) = Ahead(at, Heading.Up);
        (int lowerRight, int lowerLeft) = Ahead(at, Heading.Down);
        return upperLeft != upperRight ^ lowerLeft != lowerRight;
    }
}

/// <summary>A direction along the sides of pixels, in clockwise order.</summary>
internal enum Heading
{
    Up,
    Right,
    Down,
    Left,
}

/// <summary>Turns and steps.</summary>
internal static class HeadingSteps
{
    private const int Headings = 4;

    public static Heading TurnRight(this Heading heading) => (Heading)(((int)heading + 1) % Headings);

    public static Heading TurnLeft(this Heading heading) => (Heading)(((int)heading + Headings - 1) % Headings);

    public static Heading Reverse(this Heading heading) => (Heading)(((int)heading + 2) % Headings);

    public static GridPoint Step(this GridPoint at, Heading heading) => heading switch
    {
        Heading.Up => new GridPoint(at.X, at.Y - 1),
        Heading.Right => new GridPoint(at.X + 1, at.Y),
        Heading.Down => new GridPoint(at.X, at.Y + 1),
        _ => new GridPoint(at.X - 1, at.Y),
    };
}

/// <summary>A grid of bits.</summary>
internal sealed class BitGrid(int width, int height)
{
    private readonly ulong[] _bits = new ulong[(((long)width * height) + 63) / 64];

    public bool this[int x, int y] => (_bits[At(x, y) >> 6] & (1UL << (int)(At(x, y) & 63))) != 0;

    public bool this[GridPoint point] => this[point.X, point.Y];

    public void Set(int x, int y) => _bits[At(x, y) >> 6] |= 1UL << (int)(At(x, y) & 63);

    public void Set(GridPoint point) => Set(point.X, point.Y);

    private long At(int x, int y) => ((long)y * width) + x;
}
