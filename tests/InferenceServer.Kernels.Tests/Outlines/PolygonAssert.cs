using InferenceServer.Kernels.Outlines;

namespace InferenceServer.Kernels.Tests.Outlines;

/// <summary>Checks that polygons are valid by OGC's Simple Features, and fills polygons.</summary>
internal static class PolygonAssert
{
    private const byte Nothing = 255;

    /// <summary>Labels each pixel by the even-odd rule at its centre. Fails if a pixel lies in two polygons.</summary>
    public static byte[] Fill(IReadOnlyList<LabelPolygon> parts, int width, int height)
    {
        byte[] labels = [.. Enumerable.Repeat(Nothing, width * height)];
        foreach (LabelPolygon part in parts)
        {
            for (int i = 0; i < labels.Length; i++)
            {
                if (Holds(part, (i % width) + 0.5, (i / width) + 0.5))
                {
                    Assert.Equal(Nothing, labels[i]);
                    labels[i] = part.Label;
                }
            }
        }

        return labels;
    }

    /// <summary>
    /// Fails unless rings are simple, have the right direction, cross no other ring, and cover the area of the image.
    /// </summary>
    public static void AreValid(IReadOnlyList<LabelPolygon> parts, int pixels)
    {
        (GridPoint A, GridPoint B)[] all = [.. parts.SelectMany(p => p.Rings).SelectMany(Sides)];
        for (int i = 0; i < all.Length; i++)
        {
            for (int j = 0; j < i; j++)
            {
                if (Cross(all[i].A, all[i].B, all[j].A, all[j].B))
                {
                    Assert.Fail($"{all[i]} crosses {all[j]}.");
                }
            }
        }

        double area = 0;
        foreach (LabelPolygon part in parts)
        {
            Assert.True(Area(part.Rings[0]) > 0);
            Assert.All(part.Rings.Skip(1), hole => Assert.True(Area(hole) < 0));
            Assert.All(part.Rings, ring => Assert.Equal(ring.Length, ring.Distinct().Count()));
            Assert.All(part.Rings.Skip(1), hole => Assert.True(TouchAtMostOnce(part.Rings[0], hole)));
            area += part.Rings.Sum(Area);
        }

        Assert.Equal(pixels, area, 6);   // together with the above: no part overlaps another, and no pixel is left out
    }

    public static double Distance(GridPoint point, GridPoint[] ring) => Sides(ring).Min(s => Distance(point, s.A, s.B));

    private static double Distance(GridPoint p, GridPoint a, GridPoint b)
    {
        double dx = b.X - a.X, dy = b.Y - a.Y;
        double along = Math.Clamp((((p.X - a.X) * dx) + ((p.Y - a.Y) * dy)) / ((dx * dx) + (dy * dy)), 0, 1);
        return Math.Sqrt(Math.Pow(a.X + (along * dx) - p.X, 2) + Math.Pow(a.Y + (along * dy) - p.Y, 2));
    }

    private static IEnumerable<(GridPoint A, GridPoint B)> Sides(GridPoint[] ring) =>
        ring.Select((p, i) => (p, ring[(i + 1) % ring.Length]));

    private static double Area(GridPoint[] ring) => Sides(ring).Sum(s => ((double)s.A.X * s.B.Y) - ((double)s.B.X * s.A.Y)) / 2;

    // A hole that touched the outline twice would divide the part in two.
    private static bool TouchAtMostOnce(GridPoint[] outline, GridPoint[] hole) => hole.Count(p => outline.Contains(p)) <= 1;

    // Whether two sides cross between their ends.
    private static bool Cross(GridPoint a, GridPoint b, GridPoint c, GridPoint d) => Separates(a, b, c, d) && Separates(c, d, a, b);

    private static bool Separates(GridPoint a, GridPoint b, GridPoint c, GridPoint d) =>
        Math.Sign(GridPoint.Turn(a, b, c)) * Math.Sign(GridPoint.Turn(a, b, d)) < 0;

    private static bool Holds(LabelPolygon part, double x, double y) =>
        part.Rings.SelectMany(Sides).Count(side => LiesLeftOf(side.A, side.B, x, y)) % 2 == 1;

    private static bool LiesLeftOf(GridPoint a, GridPoint b, double x, double y) =>
        (a.Y > y) != (b.Y > y) && x < ((b.X - a.X) * (y - a.Y) / (b.Y - a.Y)) + a.X;
}
