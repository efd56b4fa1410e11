namespace InferenceServer.Kernels.Outlines;

/// <summary>The outlines of a label map's parts as polygons.</summary>
public static class LabelOutlines
{
    /// <summary>Finds every part of every label, and what it goes round.</summary>
    /// <param name="labels">HW.</param>
    /// <param name="size">Size of <paramref name="labels"/>.</param>
    /// <param name="tolerance">How far, in pixels, a corner that is left out may lie from the line that takes its place; 0 keeps the outlines of the pixels.</param>
    /// <param name="maxPoints">Most points in all; there is no answer for a map that takes more.</param>
    /// <returns>By rising label, then from top to bottom; null if there are more points.</returns>
    /// <remarks>Parts tile the image: neighbours have the same points on the line between them, with any tolerance, and no part vanishes or comes to overlap another.</remarks>
    /// <exception cref="ArgumentOutOfRangeException">The length is not that of the size, or a negative tolerance.</exception>
    public static IReadOnlyList<LabelPolygon>? Compute(ReadOnlySpan<byte> labels, ImageSize size, double tolerance = 0, int maxPoints = int.MaxValue)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(labels.Length, size.Pixels);
        ArgumentOutOfRangeException.ThrowIfNegative(tolerance);
        LabelGrid grid = new(labels, size);
        BitGrid? kept = null;
        if (tolerance > 0 && (kept = OutlineSimplifier.Simplify(grid, tolerance, maxPoints)) is null)
        {
            return null;
        }

        RunComponents components = new(grid);
        BitGrid seen = new(size.Width, size.Height);
        RingTracer tracer = new(seen, kept);
        List<(byte Label, List<GridPoint[]> Rings)> parts = [];
        Dictionary<int, int> byFirstRun = [];
        List<GridPoint[]> rings = [];
        long points = 0;
        for (int y = 0; y < size.Height; y++)
        {
            (int run, int end) = components.Row(y);
            for (; run < end; run++)
            {
                int x = components.Start(run);
                if (seen[x, y])
                {
                    continue;
                }

                tracer.Trace(grid, x, y, rings);
                if ((points += rings.Sum(r => (long)r.Length)) > maxPoints)
                {
                    return null;
                }

                if (byFirstRun.TryAdd(components.Find(run), parts.Count))
                {
                    parts.Add((grid.Row(y)[x], []));
                }

                Add(parts[byFirstRun[components.Find(run)]].Rings, rings);
                rings.Clear();
            }
        }

        return [.. parts.Select(p => new LabelPolygon(p.Label, p.Rings)).OrderBy(p => p.Label)];
    }

    // The outline comes first, whenever it was found.
    private static void Add(List<GridPoint[]> all, List<GridPoint[]> rings)
    {
        foreach (GridPoint[] ring in rings)
        {
            all.Insert(Area(ring) > 0 ? 0 : all.Count, ring);
        }
    }

    private static long Area(GridPoint[] ring)
    {
        long twice = 0;
        GridPoint last = ring[^1];
        foreach (GridPoint point in ring)
        {
            twice += ((long)last.X * point.Y) - ((long)point.X * last.Y);
            last = point;
        }

        return twice;
    }
}
