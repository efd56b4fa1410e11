using System.Runtime.InteropServices;

namespace InferenceServer.Kernels.Outlines;

/// <summary>Follows the boundary of a part along the sides of its pixels, with the part on the right.</summary>
/// <param name="seen">Records the pixels whose left side was followed upwards.</param>
/// <param name="kept">The corners to keep in rings; null keeps the corners where a ring turns.</param>
internal sealed class RingTracer(BitGrid seen, BitGrid? kept)
{
    private readonly List<GridPoint> _path = [];
    private readonly Dictionary<GridPoint, int> _pinches = [];

    /// <summary>Follows a boundary until it returns to its start, and adds its rings to a list.</summary>
    /// <param name="grid">The label map.</param>
    /// <param name="x">Column of a pixel whose left neighbour has another label.</param>
    /// <param name="y">Row of the pixel.</param>
    /// <param name="rings">
    /// Receives rings that do not touch themselves. There are several if two pixels of the label meet only at a corner.
    /// </param>
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
            Heading next = heading;
            if (right != label)
            {
                next = heading.TurnRight();
            }
            else if (left == label)
            {
                next = heading.TurnLeft();
            }

            bool isKept = kept is null ? next != heading : kept[at];
            if (isKept)
            {
                _path.Add(at);
            }

            // The boundary passes this corner twice. Cut here, it becomes two rings that do not touch themselves.
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
