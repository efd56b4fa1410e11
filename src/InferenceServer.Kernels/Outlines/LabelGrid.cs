namespace InferenceServer.Kernels.Outlines;

/// <summary>A label map with a label of its own round it.</summary>
internal readonly ref struct LabelGrid(ReadOnlySpan<byte> labels, ImageSize size)
{
    private const int Outside = -1;
    private readonly ReadOnlySpan<byte> _labels = labels;

    public int Width { get; } = size.Width;

    public int Height { get; } = size.Height;

    public int this[int x, int y] => (uint)x < (uint)Width && (uint)y < (uint)Height ? _labels[(y * Width) + x] : Outside;

    public ReadOnlySpan<byte> Row(int y) => _labels.Slice(y * Width, Width);

    /// <summary>The pixels ahead of somebody who walks along sides of pixels and has come to a corner.</summary>
    public (int Left, int Right) Ahead(GridPoint at, Heading heading) => heading switch
    {
        Heading.Up => (this[at.X - 1, at.Y - 1], this[at.X, at.Y - 1]),
        Heading.Right => (this[at.X, at.Y - 1], this[at.X, at.Y]),
        Heading.Down => (this[at.X, at.Y], this[at.X - 1, at.Y]),
        _ => (this[at.X - 1, at.Y], this[at.X - 1, at.Y - 1]),
    };

    /// <summary>Whether a boundary leaves a corner in this direction.</summary>
    public bool HasSide(GridPoint at, Heading heading)
    {
        (int left, int right) = Ahead(at, heading);
        return left != right;
    }

    /// <summary>Whether more than two boundaries meet at a corner, or it is one of the image's.</summary>
    public bool IsNode(GridPoint at)
    {
        (int upperLeft, int upperRight) = Ahead(at, Heading.Up);
        (int lowerRight, int lowerLeft) = Ahead(at, Heading.Down);
        int sides = (upperLeft != upperRight ? 1 : 0) + (upperRight != lowerRight ? 1 : 0) + (lowerRight != lowerLeft ? 1 : 0) + (lowerLeft != upperLeft ? 1 : 0);
        return sides > 2 || ((at.X == 0 || at.X == Width) && (at.Y == 0 || at.Y == Height));
    }

    /// <summary>Whether one boundary turns at a corner.</summary>
    public bool IsTurn(GridPoint at)
    {
        (int upperLeft, int upperRight) = Ahead(at, Heading.Up);
        (int lowerRight, int lowerLeft) = Ahead(at, Heading.Down);
        return upperLeft != upperRight ^ lowerLeft != lowerRight;
    }
}

/// <summary>A direction along the sides of pixels, clockwise as pictures are seen.</summary>
internal enum Heading
{
    Up,
    Right,
    Down,
    Left,
}

/// <summary>Turning and walking.</summary>
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

/// <summary>One bit for each place of a grid.</summary>
internal sealed class BitGrid(int width, int height)
{
    private readonly ulong[] _bits = new ulong[(((long)width * height) + 63) / 64];

    public bool this[int x, int y] => (_bits[At(x, y) >> 6] & (1UL << (int)(At(x, y) & 63))) != 0;

    public bool this[GridPoint point] => this[point.X, point.Y];

    public void Set(int x, int y) => _bits[At(x, y) >> 6] |= 1UL << (int)(At(x, y) & 63);

    public void Set(GridPoint point) => Set(point.X, point.Y);

    private long At(int x, int y) => ((long)y * width) + x;
}
