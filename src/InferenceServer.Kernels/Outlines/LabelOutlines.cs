using System.Numerics;
using System.Runtime.InteropServices;

namespace InferenceServer.Kernels.Outlines;

/// <summary>Finds the outlines of the connected parts of a label map, as polygons.</summary>
public static class LabelOutlines
{
    /// <summary>Finds the outline and the holes of every connected part.</summary>
    /// <param name="labels">The label map, HW.</param>
    /// <param name="size">Size of the label map.</param>
    /// <param name="tolerance">
    /// The largest distance, in pixels, from a corner that is left out to the line that replaces it. 0 keeps the
    /// outlines of the pixels.
    /// </param>
    /// <param name="maxPoints">The largest number of points in all polygons.</param>
    /// <returns>
    /// The polygons, by ascending label and then from top to bottom; null if they have more than
    /// <paramref name="maxPoints"/> points.
    /// </returns>
    /// <remarks>
    /// The polygons tile the image with any tolerance: neighbouring parts have the same points on the boundary between
    /// them, and no part vanishes or overlaps another.
    /// </remarks>
    /// <exception cref="ArgumentOutOfRangeException">
    /// The length does not fit the size, or the tolerance is negative.
    /// </exception>
    public static IReadOnlyList<LabelPolygon>? Compute(
        ReadOnlySpan<byte> labels, ImageSize size, double tolerance = 0, int maxPoints = int.MaxValue)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(labels.Length, size.Pixels);
        ArgumentOutOfRangeException.ThrowIfNegative(tolerance);
        LabelGrid grid = new(labels, size);
        BitGrid? kept = null;
        if (tolerance > 0)
        {
            kept = OutlineSimplifier.Simplify(grid, tolerance, maxPoints);
            if (kept is null)
            {
                return null;
            }
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
                points += rings.Sum(ring => (long)ring.Length);
                if (points > maxPoints)
                {
                    return null;
                }

                int firstRun = components.Find(run);
                if (byFirstRun.TryAdd(firstRun, parts.Count))
                {
                    parts.Add((grid.Row(y)[x], []));
                }

                Add(parts[byFirstRun[firstRun]].Rings, rings);
                rings.Clear();
            }
        }

        return [.. parts.Select(p => new LabelPolygon(p.Label, p.Rings)).OrderBy(p => p.Label)];
    }

    /// <summary>Computes the mean of a number over the pixels of every connected part.</summary>
    /// <param name="labels">The label map, HW.</param>
    /// <param name="size">Size of the label map.</param>
    /// <param name="values">The number of each pixel, HW.</param>
    /// <returns>The label and the mean of each part, in the order of the polygons of <see cref="Compute"/>.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A length does not fit the size.</exception>
    public static IReadOnlyList<(byte Label, double Mean)> Means<T>(
        ReadOnlySpan<byte> labels, ImageSize size, ReadOnlySpan<T> values)
        where T : unmanaged, INumber<T>
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(labels.Length, size.Pixels);
        ArgumentOutOfRangeException.ThrowIfNotEqual(values.Length, size.Pixels);
        LabelGrid grid = new(labels, size);
        RunComponents components = new(grid);
        List<(byte Label, double Sum, long Count)> parts = [];
        Dictionary<int, int> byFirstRun = [];
        for (int y = 0; y < size.Height; y++)
        {
            ReadOnlySpan<T> row = values.Slice(y * size.Width, size.Width);
            (int run, int end) = components.Row(y);
            for (; run < end; run++)
            {
                int start = components.Start(run);
                double sum = 0;
                ReadOnlySpan<T> pixels = row[start..components.End(run, end, size.Width)];
                foreach (T value in pixels)
                {
                    sum += double.CreateTruncating(value);
                }

                int firstRun = components.Find(run);
                if (byFirstRun.TryAdd(firstRun, parts.Count))
                {
                    parts.Add((grid.Row(y)[start], 0, 0));
                }

                Span<(byte Label, double Sum, long Count)> all = CollectionsMarshal.AsSpan(parts);
                all[byFirstRun[firstRun]].Sum += sum;
                all[byFirstRun[firstRun]].Count += pixels.Length;
            }
        }

        return [.. parts.Select(part => (part.Label, part.Sum / part.Count)).OrderBy(part => part.Label)];
    }

    /// <summary>Adds rings to those of a part. The outline, which has a positive area, goes first.</summary>
    private static void Add(List<GridPoint[]> all, List<GridPoint[]> rings)
    {
        foreach (GridPoint[] ring in rings)
        {
            int index = Area(ring) > 0 ? 0 : all.Count;
            all.Insert(index, ring);
        }
    }

    /// <summary>Twice the signed area of a ring.</summary>
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
