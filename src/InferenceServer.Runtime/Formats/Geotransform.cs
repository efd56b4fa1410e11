using InferenceServer.Kernels.Outlines;

namespace InferenceServer.Runtime.Formats;

/// <summary>Maps corners of pixels to coordinates, in GDAL's order: x = OriginX + column × ColumnX + row × RowX, and y
/// likewise.</summary>
/// <param name="OriginX">X of the image's upper left corner.</param>
/// <param name="ColumnX">Width of a pixel.</param>
/// <param name="RowX">0 unless rotated.</param>
/// <param name="OriginY">Y of the image's upper left corner.</param>
/// <param name="ColumnY">0 unless rotated.</param>
/// <param name="RowY">Height of a pixel; negative where north is up.</param>
public readonly record struct Geotransform(double OriginX, double ColumnX, double RowX, double OriginY, double ColumnY, double RowY)
{
    // Larger than the coordinates of any map, and small enough that no corner of an image becomes infinite.
    private const double Largest = 1e15;

    /// <summary>The identity: coordinates are pixels.</summary>
    public static Geotransform Pixels => new(0, 1, 0, 0, 0, 1);

    /// <summary>Whether outlines turn the other way in these coordinates.</summary>
    internal bool Mirrors => (ColumnX * RowY) - (RowX * ColumnY) < 0;

    /// <summary>Creates a geotransform from six numbers in GDAL's order.</summary>
    /// <returns>Null unless they are six numbers of at most 10¹⁵ that do not map the image to a line.</returns>
    public static Geotransform? FromGdal(IReadOnlyList<double> numbers)
    {
        if (numbers is [var c, var a, var b, var f, var d, var e])
        {
            return new Geotransform(c, a, b, f, d, e).Checked();
        }

        return null;
    }

    /// <summary>Creates a geotransform from the six numbers of a world file; the last two are the centre of the upper
    /// left pixel.</summary>
    /// <returns>Null unless they are six numbers of at most 10¹⁵ that do not map the image to a line.</returns>
    public static Geotransform? FromWorldFile(IReadOnlyList<double> numbers)
    {
        if (numbers is [var a, var d, var b, var e, var x, var y])
        {
            return new Geotransform(x - ((a + b) / 2), a, b, y - ((d + e) / 2), d, e).Checked();
        }

        return null;
    }

    internal (double X, double Y) Apply(double column, double row) =>
        (OriginX + (column * ColumnX) + (row * RowX), OriginY + (column * ColumnY) + (row * RowY));

    /// <summary>The transform of a part of the image that begins at another pixel.</summary>
    internal Geotransform Shifted(int column, int row)
    {
        (double x, double y) = Apply(column, row);
        return this with { OriginX = x, OriginY = y };
    }

    /// <summary>The six numbers in GDAL's order.</summary>
    internal IReadOnlyList<double> ToGdal() => [OriginX, ColumnX, RowX, OriginY, ColumnY, RowY];

    /// <summary>The coordinates of a ring. The first stands at the end, too; outlines run counterclockwise, holes
    /// clockwise.</summary>
    internal IEnumerable<(double X, double Y)> Apply(GridPoint[] ring)
    {
        for (int i = 0; i <= ring.Length; i++)
        {
            int at = i % ring.Length;
            if (Mirrors)
            {
                at = (ring.Length - at) % ring.Length;
            }

            yield return Apply(ring[at].X, ring[at].Y);
        }
    }

    private Geotransform? Checked()
    {
        ReadOnlySpan<double> numbers = [OriginX, ColumnX, RowX, OriginY, ColumnY, RowY];
        foreach (double number in numbers)
        {
            if (!(Math.Abs(number) <= Largest)) // also true for NaN
            {
                return null;
            }
        }

        if ((ColumnX * RowY) - (RowX * ColumnY) != 0)
        {
            return this;
        }

        return null;
    }
}
