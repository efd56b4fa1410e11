using InferenceServer.Kernels;
using InferenceServer.Runtime.Decoding;

namespace InferenceServer.Runtime.Formats;

/// <summary>How much ground a pixel covers, in metres.</summary>
/// <param name="X">From one column to the next.</param>
/// <param name="Y">From one row to the next.</param>
internal readonly record struct GroundScale(double X, double Y)
{
    /// <summary>The scale in the middle of an image.</summary>
    /// <param name="geo">The georeference of the image's file; null where it has none.</param>
    /// <param name="given">The request's transform, which takes the place of the file's; null where there is none.</param>
    /// <param name="size">The image's size.</param>
    /// <returns>Null where the file does not say what a unit of its coordinates is in metres.</returns>
    /// <remarks>Longitude and latitude, and Web Mercator: on the ellipsoid of WGS 84. Other projections: in the plane of the
    /// map.</remarks>
    public static GroundScale? Of(GeoTags? geo, Geotransform? given, ImageSize size)
    {
        if (geo is not { HasCrs: true } || (given ?? Geotransform.FromGdal(geo.Affine ?? [])) is not { } transform)
        {
            return null;
        }

        if (MapProjection.OnEllipsoid(geo) is { } projection)
        {
            (double x, double y) = transform.Apply(size.Width / 2, size.Height / 2);
            return new GroundScale(
                projection.Distance(x, y, transform.ColumnX, transform.ColumnY), projection.Distance(x, y, transform.RowX, transform.RowY));
        }

        double? unit = geo.MetresPerUnit;
        if (geo.Epsg is { } epsg && MapProjection.Of(epsg) is not null)
        {
            unit = 1; // UTM
        }

        if (unit is not { } metres)
        {
            return null;
        }

        return new GroundScale(
            metres * double.Hypot(transform.ColumnX, transform.ColumnY), metres * double.Hypot(transform.RowX, transform.RowY));
    }
}
