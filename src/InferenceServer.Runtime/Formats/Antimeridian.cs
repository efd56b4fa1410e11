using NetTopologySuite.Geometries;
using NetTopologySuite.Geometries.Utilities;

namespace InferenceServer.Runtime.Formats;

/// <summary>Cuts polygons in longitude and latitude where they cross the antimeridian.</summary>
/// <remarks>RFC 7946, section 3.1.9: no part of a geometry crosses it.</remarks>
internal static class Antimeridian
{
    private const double HalfTurn = 180, Turn = 360, Pole = 90;

    /// <summary>Cuts a polygon whose longitudes may continue beyond ±180°.</summary>
    /// <param name="rings">The outline, then the holes, in degrees. Rings are closed; outlines run counterclockwise,
    /// holes clockwise.</param>
    /// <returns>Polygons of the same form with longitudes of -180 to 180, from west to east of the uncut polygon; where no
    /// longitude is beyond, the polygon itself.</returns>
    public static IEnumerable<(double X, double Y)[][]> Cut((double X, double Y)[][] rings)
    {
        (double west, double east) = (rings[0].Min(point => point.X), rings[0].Max(point => point.X));
        if (west >= -HalfTurn && east <= HalfTurn)
        {
            yield return rings;
            yield break;
        }

        GeometryFactory geometries = GeometryFactory.Default;
        LinearRing[] all = [.. rings.Select(ring => geometries.CreateLinearRing([.. ring.Select(at => new Coordinate(at.X, at.Y))]))];
        Geometry polygon = geometries.CreatePolygon(all[0], all[1..]);
        if (!polygon.IsValid)
        {
            polygon = GeometryFixer.Fix(polygon); // pixels of many degrees overlap themselves when they are projected
        }

        (double south, double north) = (rings[0].Min(point => point.Y), rings[0].Max(point => point.Y));
        double first = Math.Floor((west + HalfTurn) / Turn) * Turn;
        for (double middle = first; middle - HalfTurn < east; middle += Turn)
        {
            Envelope world = new(
                middle - HalfTurn, middle + HalfTurn, Math.Min(south, -Pole), Math.Max(north, Pole));
            Geometry part = polygon.Intersection(geometries.ToGeometry(world));
            for (int i = 0; i < part.NumGeometries; i++)
            {
                if (part.GetGeometryN(i) is Polygon { IsEmpty: false } found)
                {
                    yield return [Ring(found.Shell, true, middle), .. found.Holes.Select(hole => Ring(hole, false, middle))];
                }
            }
        }
    }

    private static (double X, double Y)[] Ring(LinearRing ring, bool counterclockwise, double middle)
    {
        IEnumerable<Coordinate> points = ring.Coordinates;
        if (ring.IsCCW != counterclockwise)
        {
            points = points.Reverse();
        }

        return [.. points.Select(point => (point.X - middle, point.Y))];
    }
}
