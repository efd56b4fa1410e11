namespace InferenceServer.Kernels.Outlines;

/// <summary>
/// Divides the boundaries of a label map into arcs: from one node to the next, or closed arcs where there is no node.
/// </summary>
internal sealed class BoundaryArcs
{
    private readonly List<GridPoint[]> _arcs = [];
    private readonly List<GridPoint> _path = [];
    private readonly BitGrid _passed;
    private readonly int _maxPoints;
    private long _points;

    private BoundaryArcs(in LabelGrid grid, int maxPoints)
    {
        _passed = new BitGrid(grid.Width + 1, grid.Height + 1);
        _maxPoints = maxPoints;
    }

    /// <summary>Finds all arcs.</summary>
    /// <param name="grid">The label map.</param>
    /// <param name="maxPoints">The largest number of corners in all arcs.</param>
    /// <returns>
    /// The corners of each arc, its ends included. A closed arc starts and ends at the same corner. Null if there are
    /// more than <paramref name="maxPoints"/> corners.
    /// </returns>
    public static IReadOnlyList<GridPoint[]>? Find(in LabelGrid grid, int maxPoints)
    {
        BoundaryArcs arcs = new(grid, maxPoints);
        for (int y = 0; y <= grid.Height; y++)
        {
            for (int x = 0; x <= grid.Width; x++)
            {
                arcs.AddFromNode(grid, new GridPoint(x, y));
            }
        }

        // Corners that no arc between nodes contains belong to closed arcs.
        for (int y = 0; y <= grid.Height; y++)
        {
            for (int x = 0; x <= grid.Width; x++)
            {
                arcs.AddClosed(grid, new GridPoint(x, y));
            }
        }

        if (arcs._points <= maxPoints)
        {
            return arcs._arcs;
        }

        return null;
    }

    private void AddFromNode(in LabelGrid grid, GridPoint start)
    {
        if (!grid.IsNode(start))
        {
            return;
        }

        for (Heading heading = Heading.Up; heading <= Heading.Left; heading++)
        {
            if (grid.HasSide(start, heading))
            {
                (GridPoint end, Heading back) = Walk(grid, start, heading);
                // Both ends find the arc; only one of them keeps it.
                if ((end.Y, end.X, (int)back).CompareTo((start.Y, start.X, (int)heading)) > 0)
                {
                    Keep();
                }
            }
        }
    }

    private void AddClosed(in LabelGrid grid, GridPoint start)
    {
        if (_passed[start] || !grid.IsTurn(start))
        {
            return;
        }

        Heading heading = grid.HasSide(start, Heading.Right) ? Heading.Right : Heading.Left;
        Walk(grid, start, heading);
        Keep();
    }

    private void Keep()
    {
        _points += _path.Count;
        if (_points <= _maxPoints)
        {
            _arcs.Add([.. _path]);
        }
    }

    /// <summary>
    /// Follows a boundary to the next node, or back to the start, and stores its corners in the path.
    /// </summary>
    /// <returns>The last corner, and the heading from there back along the boundary.</returns>
    private (GridPoint End, Heading Back) Walk(in LabelGrid grid, GridPoint start, Heading heading)
    {
        _path.Clear();
        _path.Add(start);
        for (GridPoint at = start.Step(heading); ; at = at.Step(heading))
        {
            if (at == start || grid.IsNode(at))
            {
                _path.Add(at);
                _passed.Set(at);
                return (at, heading.Reverse());
            }

            if (!grid.HasSide(at, heading))
            {
                _path.Add(at);
                _passed.Set(at);
                heading = grid.HasSide(at, heading.TurnRight()) ? heading.TurnRight() : heading.TurnLeft();
            }
        }
    }
}
