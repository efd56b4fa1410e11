using InferenceServer.Kernels.Metrics;

namespace InferenceServer.Kernels.Outlines;

/// <summary>A part of a label map whose pixels have one label and are connected by their sides.</summary>
/// <param name="Label">The label.</param>
/// <param name="Rings">First the outline, then the holes. The first point of a ring is not repeated at its end. The outline's shoelace area is positive, a hole's negative;
/// no ring crosses or touches itself, and rings touch each other at single points only.</param>
public sealed record LabelPolygon(byte Label, IReadOnlyList<GridPoint[]> Rings);

/// <summary>A corner of pixels: (0, 0) is the image's upper left corner, (1, 0) lies between its first two columns.</summary>
/// <param name="X">0 to the image's width.</param>
/// <param name="Y">0 to the image's height, downwards.</param>
public readonly record struct GridPoint(int X, int Y)
{
    /// <summary>Twice the area of the triangle <paramref name="a"/>, <paramref name="b"/>, <paramref name="c"/>; its sign tells the turn at <paramref name="b"/>, 0 is straight.</summary>
    internal static long Turn(GridPoint a, GridPoint b, GridPoint c) => ((long)(b.X - a.X) * (c.Y - a.Y)) - ((long)(b.Y - a.Y) * (c.X - a.X));
}

/// <summary>Pixels of polygons whose sides run along pixels: those that <see cref="LabelOutlines"/> finds without tolerance.</summary>
public static class PolygonFill
{
    /// <summary>The smallest box round a polygon; its <see cref="LabelRegion.Pixels"/> are those of the box.</summary>
    public static LabelRegion Box(LabelPolygon polygon)
    {
        GridPoint[] outline = polygon.Rings[0];
        int left = outline.Min(p => p.X), top = outline.Min(p => p.Y), width = outline.Max(p => p.X) - left, height = outline.Max(p => p.Y) - top;
        return new LabelRegion(polygon.Label, (long)width * height, left, top, width, height);
    }

    /// <summary>Fills a polygon.</summary>
    /// <param name="polygon">Its sides run along pixels.</param>
    /// <param name="box">Of <see cref="Box"/>.</param>
    /// <returns>HW of the box: 255 within, 0 outside and in holes.</returns>
    public static byte[] Fill(LabelPolygon polygon, LabelRegion box)
    {
        byte[] mask = new byte[box.Width * box.Height];
        foreach (GridPoint[] ring in polygon.Rings)
        {
            GridPoint from = ring[^1];
            foreach (GridPoint to in ring)
            {
                // Each upright side turns everything on its right; those of the box's own right side have nothing there.
                for (int y = Math.Min(from.Y, to.Y); from.X < box.Left + box.Width && y < Math.Max(from.Y, to.Y); y++)
                {
                    mask[((y - box.Top) * box.Width) + from.X - box.Left] ^= byte.MaxValue;
                }

                from = to;
            }
        }

        for (int i = 0; i < mask.Length; i++)
        {
            mask[i] ^= i % box.Width == 0 ? (byte)0 : mask[i - 1];
        }

        return mask;
    }
}
