using System.Runtime.InteropServices;

namespace InferenceServer.Kernels.Outlines;

/// <summary>Walks round one label along the sides of its pixels, the label on the right.</summary>
/// <param name="seen">Takes note of the pixels whose left side was walked along.</param>
/// <param name="kept">The corners that rings have; null keeps those where they turn.</param>
internal sealed class RingTracer(BitGrid seen, BitGrid? kept)
{
    private readonly List<GridPoint> _path = [];
    private readonly Dictionary<GridPoint, int> _pinches = [];

    /// <summary>Walks until the start is reached again, and hands out what was walked round.</summary>
    /// <param name="grid">The label map.</param>
    /// <param name="x">Column of a pixel whose left neighbour has another label.</param>
    /// <param name="y">Its row.</param>
    /// <param name="rings">Takes rings that neither cross nor touch themselves: several where two pixels of the label meet at a corner only.</param>
    public void Trace(in LabelGrid grid, int x, int y, List<GridPoint[]> rings)
    {
        int label = grid[x, y];
        GridPoint start = new(x, y + 1), at = start;
        Heading heading = Heading.Up;
        do
        {
            if (heading == Heading.Up)
            {
                seen.Set(at.X, at.Y - 1);
            }

            at = at.Step(heading);
            (int left, int right) = grid.Ahead(at, heading);
            Heading next = right != label ? heading.TurnRight() : left == label ? heading.TurnLeft() : heading;
            if (kept is null ? next != heading : kept[at])
            {
                _path.Add(at);
            }

            // Here the walk passes twice. Cut there, both halves are simple; one of them goes round a hole that touches the other.
            if (right != label && left == label)
            {
                Cut(at, rings);
            }

            heading = next;
        }
        while (at != start || heading != Heading.Up);

        rings.Add([.. _path]);
        _path.Clear();
        _pinches.Clear();
    }

    private void Cut(GridPoint at, List<GridPoint[]> rings)
    {
        int last = _path.Count - 1;
        if (!_pinches.TryGetValue(at, out int first))
        {
            _pinches[at] = last;
            return;
        }

        Span<GridPoint> loop = CollectionsMarshal.AsSpan(_path)[first..last];
        foreach (GridPoint point in loop[1..])
        {
            _pinches.Remove(point);
        }

        rings.Add(loop.ToArray());
        _path.RemoveRange(first + 1, last - first);
    }
}
