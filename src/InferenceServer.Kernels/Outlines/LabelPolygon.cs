using InferenceServer.Kernels.Metrics;

namespace InferenceServer.Kernels.Outlines;

/// <summary>A connected part of a label map: pixels of one label that are connected by their sides.</summary>
/// <param name="Label">The label.</param>
/// <param name="Rings">
/// The outline, then the holes. A ring does not repeat its first point at its end. The outline's shoelace area is
/// positive, that of a hole negative. No ring crosses or touches itself, and two rings touch at single points only.
/// </param>
public sealed record LabelPolygon(byte Label, IReadOnlyList<GridPoint[]> Rings);

/// <summary>
/// A corner of a pixel. (0, 0) is the upper left corner of the image, (1, 0) lies between its first two columns.
/// </summary>
/// <param name="X">0 to the width of the image.</param>
/// <param name="Y">0 to the height of the image, downwards.</param>
public readonly record struct GridPoint(int X, int Y)
{
    /// <summary>
    /// Twice the signed area of the triangle <paramref name="a"/>, <paramref name="b"/>, <paramref name="c"/>. The sign
    /// is the direction of the turn at <paramref name="b"/>; 0 is straight on.
    /// </summary>
    internal static long Turn(GridPoint a, GridPoint b, GridPoint c) =>
        ((long)(b.X - a.X) * (c.Y - a.Y)) - ((long)(b.Y - a.Y) * (c.X - a.X));
}

/// <summary>
/// Fills polygons whose sides run along the sides of pixels: those of <see cref="LabelOutlines"/> with tolerance 0.
/// </summary>
public static class PolygonFill
{
    /// <summary>
    /// The bounding box of a polygon. Its <see cref="LabelRegion.Pixels"/> is the number of pixels in the box.
    /// </summary>
    public static LabelRegion Box(LabelPolygon polygon)
    {
        GridPoint[] outline = polygon.Rings[0];
        int left = outline.Min(p => p.X), top = outline.Min(p => p.Y);
        int width = outline.Max(p => p.X) - left, height = outline.Max(p => p.Y) - top;
        return new LabelRegion(polygon.Label, (long)width * height, left, top, width, height);
    }

    /// <summary>Fills a polygon.</summary>
    /// <param name="polygon">A polygon whose sides run along the sides of pixels.</param>
    /// <param name="box">The bounding box, from <see cref="Box"/>.</param>
    /// <returns>The mask of the box, HW: 255 inside of the polygon, 0 outside and in holes.</returns>
    public static byte[] Fill(LabelPolygon polygon, LabelRegion box)
    {
        byte[] mask = new byte[box.Width * box.Height];
        foreach (GridPoint[] ring in polygon.Rings)
        {
            GridPoint from = ring[^1];
            foreach (GridPoint to in ring)
            {
                // Each vertical side inverts the pixels on its right. Sides on the right border of the box have none.
                for (int y = Math.Min(from.Y, to.Y); from.X < box.Left + box.Width && y < Math.Max(from.Y, to.Y); y++)
                {
                    mask[((y - box.Top) * box.Width) + from.X - box.Left] ^= byte.MaxValue;
                }

                from = to;
            }
        }

        for (int i = 0; i < mask.Length; i++)
        {
            if (i % box.Width > 0)
            {
                mask[i] ^= mask[i - 1];
            }
        }

        return mask;
    }
}
