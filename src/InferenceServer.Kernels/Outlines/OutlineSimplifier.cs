namespace InferenceServer.Kernels.Outlines;

/// <summary>
/// Chooses which corners of a label map's boundaries to keep if the boundaries may move by a tolerance.
/// </summary>
/// <remarks>
/// <para>The boundaries are a planar graph of arcs between nodes; nodes are the corners of the image and the points
/// where more than two boundaries meet. Nodes are kept, and an arc is simplified once for the parts on both of its
/// sides.</para>
/// <para>A corner is removed only if the triangle with its two neighbours contains no other corner, on its border
/// neither. Then the new line crosses no other line, and no corner changes sides. The condition is that of de Berg, van
/// Kreveld and Schirra (1998), applied to one corner at a time as by Visvalingam and Whyatt (1993).</para>
/// </remarks>
internal sealed class OutlineSimplifier
{
    private const int MaxRounds = 32;   // a round removes at most every second corner

    private readonly double _tolerance;
    private readonly CornerIndex _corners;
    private readonly HashSet<(GridPoint, GridPoint)> _direct = [];

    private OutlineSimplifier(in LabelGrid grid, double tolerance)
    {
        _tolerance = tolerance;
        _corners = new CornerIndex(grid.Width + 1, grid.Height + 1);
    }

    /// <summary>Chooses the corners to keep.</summary>
    /// <returns>
    /// A bit for each corner of a pixel; null if the boundaries have more than <paramref name="maxPoints"/> corners.
    /// </returns>
    public static BitGrid? Simplify(in LabelGrid grid, double tolerance, int maxPoints)
    {
        if (BoundaryArcs.Find(grid, maxPoints) is not { } arcs)
        {
            return null;
        }

        OutlineSimplifier simplifier = new(grid, tolerance);
        HashSet<GridPoint> ends = [.. arcs.Select(a => a[0]), .. arcs.Select(a => a[^1])];
        foreach (GridPoint point in arcs.SelectMany(a => a[1..^1]).Concat(ends))
        {
            simplifier._corners.Add(point);
        }

        foreach (GridPoint[] arc in arcs.Where(a => a.Length == 2))
        {
            simplifier._direct.Add(Pair(arc[0], arc[1]));
        }

        BitGrid kept = new(grid.Width + 1, grid.Height + 1);
        foreach (GridPoint[] arc in arcs)
        {
            simplifier.Simplify(arc).ForEach(i => kept.Set(arc[i]));
        }

        return kept;
    }

    /// <summary>Chooses the corners of an arc to keep.</summary>
    /// <returns>Indices of the corners within the arc.</returns>
    private List<int> Simplify(GridPoint[] arc)
    {
        List<int> stay = [.. Enumerable.Range(0, arc.Length)];
        int minPoints = arc[0] == arc[^1] ? 4 : 2;   // a closed arc stays at least a triangle
        for (int round = 0; round < MaxRounds; round++)
        {
            int before = stay.Count, count = 1;
            for (int i = 1; i < before; i++)
            {
                // A round never removes two neighbours, so that lines grow evenly.
                int left = before - i + count;
                if (i < before - 1 && left > minPoints && TryRemove(arc, stay[count - 1], stay[i], stay[i + 1], left == 3))
                {
                    i++;
                }

                stay[count++] = stay[i];
            }

            stay.RemoveRange(count, before - count);
            if (count == before)
            {
                break;
            }
        }

        return stay;
    }

    private bool TryRemove(GridPoint[] arc, int before, int at, int after, bool isLast)
    {
        GridPoint a = arc[before], b = arc[at], c = arc[after];
        bool movesTooFar = !arc[(before + 1)..after].All(p => IsNear(p, a, c));
        if (movesTooFar || (isLast && _direct.Contains(Pair(a, c))) || _corners.AnyInside(a, b, c))
        {
            return false;
        }

        if (isLast)
        {
            _direct.Add(Pair(a, c));
        }

        _corners.Remove(b);
        return true;
    }

    private static (GridPoint, GridPoint) Pair(GridPoint a, GridPoint b)
    {
        if ((a.Y, a.X).CompareTo((b.Y, b.X)) < 0)
        {
            return (a, b);
        }

        return (b, a);
    }

    private bool IsNear(GridPoint point, GridPoint a, GridPoint b)
    {
        double dx = b.X - a.X, dy = b.Y - a.Y;
        double along = Math.Clamp((((point.X - a.X) * dx) + ((point.Y - a.Y) * dy)) / ((dx * dx) + (dy * dy)), 0, 1);
        double x = a.X + (along * dx) - point.X, y = a.Y + (along * dy) - point.Y;
        return (x * x) + (y * y) <= _tolerance * _tolerance;
    }
}
