namespace InferenceServer.Kernels.Outlines;

/// <summary>An index of corners by position, to find corners within a triangle.</summary>
internal sealed class CornerIndex(int width, int height)
{
    private const int CellSize = 16;
    private readonly int _columns = Cells(width);
    private readonly List<GridPoint>?[] _cells = new List<GridPoint>[Cells(width) * Cells(height)];

    public void Add(GridPoint point) => (Cell(point) ??= []).Add(point);

    public void Remove(GridPoint point) => Cell(point)!.Remove(point);

    /// <summary>Whether a triangle contains a corner, inside or on its border, other than its own three.</summary>
    public bool AnyInside(GridPoint a, GridPoint b, GridPoint c)
    {
        int top = Math.Min(a.Y, Math.Min(b.Y, c.Y)), bottom = Math.Max(a.Y, Math.Max(b.Y, c.Y));
        for (int row = top / CellSize; row <= bottom / CellSize; row++)
        {
            (int left, int right) = Extent(a, b, c, row * CellSize, ((row + 1) * CellSize) - 1);
            for (int column = left / CellSize; column <= right / CellSize; column++)
            {
                foreach (GridPoint point in _cells[(row * _columns) + column] ?? [])
                {
                    if (point != a && point != b && point != c && Holds(a, b, c, point))
                    {
                        return true;
                    }
                }
            }
        }

        return false;
    }

    private static int Cells(int length) => ((length - 1) / CellSize) + 1;

    // A point on the line through two corners has turn 0 there even beyond the corners, so the bounding box is checked
    // too.
    private static bool Holds(GridPoint a, GridPoint b, GridPoint c, GridPoint point)
    {
        long first = GridPoint.Turn(a, b, point), second = GridPoint.Turn(b, c, point), third = GridPoint.Turn(c, a, point);
        return ((first >= 0 && second >= 0 && third >= 0) || (first <= 0 && second <= 0 && third <= 0))
            && point.X >= Math.Min(a.X, Math.Min(b.X, c.X)) && point.X <= Math.Max(a.X, Math.Max(b.X, c.X))
            && point.Y >= Math.Min(a.Y, Math.Min(b.Y, c.Y)) && point.Y <= Math.Max(a.Y, Math.Max(b.Y, c.Y));
    }

    /// <summary>The columns that a triangle covers between two rows, rounded outwards.</summary>
    private static (int Left, int Right) Extent(GridPoint a, GridPoint b, GridPoint c, int top, int bottom)
    {
        (double left, double right) = (double.MaxValue, double.MinValue);
        foreach ((GridPoint from, GridPoint to) in ((GridPoint, GridPoint)[])[(a, b), (b, c), (c, a)])
        {
            (GridPoint upper, GridPoint lower) = from.Y <= to.Y ? (from, to) : (to, from);
            if (lower.Y < top || upper.Y > bottom)
            {
                continue;
            }

            double first = upper.X, second = lower.X;
            if (upper.Y < lower.Y)
            {
                double slope = (double)(lower.X - upper.X) / (lower.Y - upper.Y);
                first = upper.X + (slope * (Math.Max(upper.Y, top) - upper.Y));
                second = upper.X + (slope * (Math.Min(lower.Y, bottom) - upper.Y));
            }

            left = Math.Min(left, Math.Min(first, second));
            right = Math.Max(right, Math.Max(first, second));
        }

        return ((int)Math.Floor(left), (int)Math.Ceiling(right));
    }

    private ref List<GridPoint>? Cell(GridPoint point) => ref _cells[((point.Y / CellSize) * _columns) + (point.X / CellSize)];
}
