namespace InferenceServer.Kernels.Outlines;

/// <summary>Chooses the corners of a label map's boundaries that stay when lines may move by a tolerance.</summary>
/// <remarks>
/// Boundaries are a planar graph: arcs between nodes, which are the places where more than two boundaries meet, and the image's corners. Nodes stay, and an arc is simplified once for both sides.
/// A corner goes only if the triangle with its neighbours holds no other corner, border included: then no line can cross the new one, and nothing can have been jumped over.
/// The condition is de Berg, van Kreveld and Schirra's (1998), applied to one corner at a time as Visvalingam and Whyatt (1993) do.
/// </remarks>
internal sealed class OutlineSimplifier
{
    private const int MaxRounds = 32; // each halves what can be halved

    private readonly double _tolerance;
    private readonly CornerIndex _corners;
    private readonly HashSet<(GridPoint, GridPoint)> _direct = [];

    private OutlineSimplifier(in LabelGrid grid, double tolerance)
    {
        _tolerance = tolerance;
        _corners = new CornerIndex(grid.Width + 1, grid.Height + 1);
    }

    /// <summary>Chooses the corners that stay.</summary>
    /// <returns>One bit for each corner of pixels; null if there are more than <paramref name="maxPoints"/> to choose from.</returns>
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

    /// <returns>What stays of an arc, as indices.</returns>
    private List<int> Simplify(GridPoint[] arc)
    {
        List<int> stay = [.. Enumerable.Range(0, arc.Length)];
        int least = arc[0] == arc[^1] ? 4 : 2; // a closed arc stays a triangle
        for (int round = 0; round < MaxRounds; round++)
        {
            int before = stay.Count, count = 1;
            for (int i = 1; i < before; i++)
            {
                // Never two neighbours in one round, so that lines grow evenly.
                int left = before - i + count;
                if (i < before - 1 && left > least && TryRemove(arc, stay[count - 1], stay[i], stay[i + 1], left == 3))
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
        if (!arc[(before + 1)..after].All(p => IsNear(p, a, c)) || (isLast && _direct.Contains(Pair(a, c))) || _corners.AnyInside(a, b, c))
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

    private static (GridPoint, GridPoint) Pair(GridPoint a, GridPoint b) => (a.Y, a.X).CompareTo((b.Y, b.X)) < 0 ? (a, b) : (b, a);

    private bool IsNear(GridPoint point, GridPoint a, GridPoint b)
    {
        double dx = b.X - a.X, dy = b.Y - a.Y;
        double along = Math.Clamp((((point.X - a.X) * dx) + ((point.Y - a.Y) * dy)) / ((dx * dx) + (dy * dy)), 0, 1);
        double x = a.X + (along * dx) - point.X, y = a.Y + (along * dy) - point.Y;
        return (x * x) + (y * y) <= _tolerance * _tolerance;
    }
}
