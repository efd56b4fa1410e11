using System.Globalization;
using System.Text.Json;
using InferenceServer.Kernels;
using InferenceServer.Runtime.Decoding;

namespace InferenceServer.Runtime.Formats;

/// <summary>Where an image lies on the map, for clients.</summary>
internal sealed record Georeference
{
    private const int Decimals = 9; // of a degree: 0.1 mm
    private const int MostLongitude = 540;

    /// <summary>The coordinate reference system, for instance <c>EPSG:32633</c>; absent where the file has none, or one of
    /// its own.</summary>
    public string? Crs { get; init; }

    /// <summary>Six numbers in GDAL's order that map corners of pixels to map coordinates.</summary>
    public required IReadOnlyList<double> Geotransform { get; init; }

    /// <summary>Longitude and latitude of 3 × 3 points of the image, row by row: the corners, the middles of the sides and
    /// the centre. Absent where the system is none of those that the server projects.</summary>
    public IReadOnlyList<IReadOnlyList<double>>? Wgs84 { get; init; }

    /// <summary>The georeference of an image.</summary>
    /// <param name="geo">That of the image's file; null where it has none.</param>
    /// <param name="given">The request's transform, which takes the place of the file's; null where there is none.</param>
    /// <param name="size">The image's size.</param>
    /// <returns>Null where nothing gives a transform.</returns>
    public static Georeference? Of(GeoTags? geo, Geotransform? given, ImageSize size)
    {
        Geotransform? own = null;
        if (geo?.Affine is { } affine)
        {
            own = Formats.Geotransform.FromGdal(affine);
        }

        if ((given ?? own) is not { } transform)
        {
            return null;
        }

        Georeference georeference = new()
        {
            Geotransform = transform.ToGdal(),
        };
        if (geo?.Epsg is not { } epsg)
        {
            return georeference;
        }

        return georeference with
        {
            Crs = string.Create(CultureInfo.InvariantCulture, $"EPSG:{epsg}"),
            Wgs84 = Points(epsg, transform, size),
        };
    }

    /// <summary>One line of JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, MaskSummaryJson.Default.Georeference);

    private static double[][]? Points(int epsg, Geotransform transform, ImageSize size)
    {
        if (MapProjection.Of(epsg) is not { } projection)
        {
            return null;
        }

        double[] halves = [0, 0.5, 1];
        double[][] points =
        [
            .. from row in halves
               from column in halves
               let at = transform.Apply(column * size.Width, row * size.Height)
               let place = projection.ToWgs84(at.X, at.Y)
               select new[] { Math.Round(place.Longitude, Decimals), Math.Round(place.Latitude, Decimals) },
        ];
        // Also false for NaN: far outside of its area, a projection has no inverse.
        if (points.All(point => Math.Abs(point[0]) <= MostLongitude && Math.Abs(point[1]) <= 90))
        {
            return points;
        }

        return null;
    }
}
