using InferenceServer.Kernels.Outlines;

namespace InferenceServer.Kernels.Tests.Outlines;

/// <summary>What OGC's Simple Features ask of polygons, checked pair by pair; and polygons turned into pixels again.</summary>
internal static class PolygonAssert
{
    private const byte Nothing = 255;

    /// <summary>Each pixel's label by the even-odd rule at its centre; each pixel lies in one polygon.</summary>
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

    /// <summary>Rings are simple, turn as they should, cross neither each other nor another part's, and cover as much as the image has.</summary>
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

        Assert.Equal(pixels, area, 6); // together with the above: nothing overlaps, nothing is left out
    }

    public static double Distance(GridPoint point, GridPoint[] ring) => Sides(ring).Min(s => Distance(point, s.A, s.B));

    private static double Distance(GridPoint p, GridPoint a, GridPoint b)
    {
        double dx = b.X - a.X, dy = b.Y - a.Y, along = Math.Clamp((((p.X - a.X) * dx) + ((p.Y - a.Y) * dy)) / ((dx * dx) + (dy * dy)), 0, 1);
        return Math.Sqrt(Math.Pow(a.X + (along * dx) - p.X, 2) + Math.Pow(a.Y + (along * dy) - p.Y, 2));
    }

    private static IEnumerable<(GridPoint A, GridPoint B)> Sides(GridPoint[] ring) => ring.Select((p, i) => (p, ring[(i + 1) % ring.Length]));

    private static double Area(GridPoint[] ring) => Sides(ring).Sum(s => ((double)s.A.X * s.B.Y) - ((double)s.B.X * s.A.Y)) / 2;

    // A hole that met the outline twice would cut the part in two.
    private static bool TouchAtMostOnce(GridPoint[] outline, GridPoint[] hole) => hole.Count(p => outline.Contains(p)) <= 1;

    // Proper crossings: within both sides.
    private static bool Cross(GridPoint a, GridPoint b, GridPoint c, GridPoint d) =>
        Math.Sign(GridPoint.Turn(a, b, c)) * Math.Sign(GridPoint.Turn(a, b, d)) < 0 && Math.Sign(GridPoint.Turn(c, d, a)) * Math.Sign(GridPoint.Turn(c, d, b)) < 0;

    private static bool Holds(LabelPolygon part, double x, double y) =>
        part.Rings.SelectMany(Sides).Count(s => (s.A.Y > y) != (s.B.Y > y) && x < ((s.B.X - s.A.X) * (y - s.A.Y) / (s.B.Y - s.A.Y)) + s.A.X) % 2 == 1;
}
