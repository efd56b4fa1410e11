using System.Globalization;
using InferenceServer.Runtime.Decoding;
using NetTopologySuite.Geometries;

namespace InferenceServer.Runtime.Formats;

/// <summary>Map coordinates to longitude and latitude of WGS 84: EPSG 4326, 3857 (Web Mercator), and 32601 to 32660 and
/// 32701 to 32760 (UTM).</summary>
/// <remarks>The inverse of the transverse Mercator projection is Krüger's series to the sixth order in the third
/// flattening: Karney, "Transverse Mercator with an accuracy of a few nanometers", Journal of Geodesy 85, 2011. It
/// agrees with PROJ to less than 10⁻¹¹ degrees within a zone.</remarks>
internal sealed class MapProjection
{
    private const double Degrees = 180 / Math.PI;
    private const double Radius = 6378137, Flattening = 1 / 298.257223563;
    private const double UtmScale = 0.9996, FalseEasting = 500_000, FalseNorthing = 10_000_000;

    // e², the square of the ellipsoid's eccentricity, and n, its third flattening.
    private const double E2 = Flattening * (2 - Flattening), N = Flattening / (2 - Flattening);
    private static readonly double E = Math.Sqrt(E2);

    // The radius of a circle as long as a meridian.
    private static readonly double MeridianRadius = Radius / (1 + N) * Polynomial(N * N, 1, 1 / 4.0, 1 / 64.0, 1 / 256.0);

    private static readonly double[] Beta =
    [
        Polynomial(N, 0, 1 / 2.0, -2 / 3.0, 37 / 96.0, -1 / 360.0, -81 / 512.0, 96199 / 604800.0),
        Polynomial(N, 0, 0, 1 / 48.0, 1 / 15.0, -437 / 1440.0, 46 / 105.0, -1118711 / 3870720.0),
        Polynomial(N, 0, 0, 0, 17 / 480.0, -37 / 840.0, -209 / 4480.0, 5569 / 90720.0),
        Polynomial(N, 0, 0, 0, 0, 4397 / 161280.0, -11 / 504.0, -830251 / 7257600.0),
        Polynomial(N, 0, 0, 0, 0, 0, 4583 / 161280.0, -108847 / 3991680.0),
        Polynomial(N, 0, 0, 0, 0, 0, 0, 20648693 / 638668800.0),
    ];

    // Gauss and Legendre's three points on a line from 0 to 1, and their weights.
    private static readonly (double At, double Weight)[] Quadrature =
        [(0.5 - Math.Sqrt(0.15), 5 / 18.0), (0.5, 8 / 18.0), (0.5 + Math.Sqrt(0.15), 5 / 18.0)];

    private readonly Func<double, double, (double, double)> _toWgs84;

    private MapProjection(Func<double, double, (double, double)> toWgs84) => _toWgs84 = toWgs84;

    /// <summary>The projection of an EPSG code; null where it is none of those above.</summary>
    public static MapProjection? Of(int epsg) => epsg switch
    {
        4326 => new MapProjection((x, y) => (x, y)),
        3857 => new MapProjection((x, y) => (x / Radius * Degrees, Math.Atan(Math.Sinh(y / Radius)) * Degrees)),
        >= 32601 and <= 32660 => new MapProjection((x, y) => FromUtm(epsg - 32600, x, y)),
        >= 32701 and <= 32760 => new MapProjection((x, y) => FromUtm(epsg - 32700, x, y - FalseNorthing)),
        _ => null,
    };

    /// <summary>The projection of a file's georeference.</summary>
    /// <returns>Null where the file has no coordinate reference system, or no affine transform.</returns>
    /// <exception cref="SegmentationException">The file's system is none of those above.</exception>
    public static MapProjection? Of(GeoTags? geo)
    {
        if (geo is not { HasCrs: true, Affine: not null })
        {
            return null;
        }

        (string system, string format) = ("one of its own", "geotiff");
        if (geo.Epsg is { } epsg)
        {
            if (Of(epsg) is { } projection)
            {
                return projection;
            }

            (system, format) = (string.Create(CultureInfo.InvariantCulture, $"EPSG:{epsg}"), "gpkg or geotiff");
        }

        throw new SegmentationException(
            SegmentationError.NotAcceptable,
            "GeoJSON has longitude and latitude: expected an image in the coordinate reference system EPSG:4326, " +
            $"EPSG:3857 or UTM on WGS 84 (EPSG:326xx, EPSG:327xx), got {system}. " +
            $"Request format={format}, which keeps the image's own system, or send geotransform for coordinates as they are.");
    }

    /// <summary>Longitude and latitude in degrees.</summary>
    /// <param name="x">Easting in metres, or longitude.</param>
    /// <param name="y">Northing in metres, or latitude.</param>
    /// <remarks>A longitude beyond ±180° is kept, so that no outline is torn; <see cref="Antimeridian"/> cuts them.</remarks>
    public (double Longitude, double Latitude) ToWgs84(double x, double y) => _toWgs84(x, y);

    /// <summary>Area of a ring on the ellipsoid of WGS 84, in square metres. Positive, whichever way the ring runs.</summary>
    /// <param name="ring">A closed ring in map coordinates of EPSG 4326 or 3857, where meridians and parallels are straight
    /// lines. Lines between its points are straight on the map.</param>
    /// <remarks>The integral of the area between the equator and the ring over the longitude, by Gauss and Legendre's
    /// three points for each line; exact where lines run along meridians and parallels. Latitudes beyond a pole are those of
    /// the pole.</remarks>
    public double Area(CoordinateSequence ring)
    {
        double area = 0;
        for (int i = 1; i < ring.Count; i++)
        {
            (double x, double y) = (ring.GetX(i - 1), ring.GetY(i - 1));
            (double dx, double dy) = (ring.GetX(i) - x, ring.GetY(i) - y);
            double width = (ToWgs84(ring.GetX(i), y).Longitude - ToWgs84(x, y).Longitude) / Degrees;
            double mean = 0;
            foreach ((double at, double weight) in Quadrature)
            {
                mean += weight * AreaToEquator(ToWgs84(x + (at * dx), y + (at * dy)).Latitude);
            }

            area += width * mean;
        }

        return Math.Abs(area);
    }

    // Between the equator and a parallel, in square metres for each radian of longitude.
    private static double AreaToEquator(double latitude)
    {
        double sine = Math.Sin(Math.Clamp(latitude, -90, 90) / Degrees);
        return Square(Radius) * (1 - E2) / 2 * ((sine / (1 - (E2 * Square(sine)))) + (Math.Atanh(E * sine) / E));
    }

    private static (double Longitude, double Latitude) FromUtm(int zone, double easting, double northing)
    {
        double xi = northing / (UtmScale * MeridianRadius), eta = (easting - FalseEasting) / (UtmScale * MeridianRadius);
        (double xi1, double eta1) = (xi, eta);
        for (int j = 1; j <= Beta.Length; j++)
        {
            xi1 -= Beta[j - 1] * Math.Sin(2 * j * xi) * Math.Cosh(2 * j * eta);
            eta1 -= Beta[j - 1] * Math.Cos(2 * j * xi) * Math.Sinh(2 * j * eta);
        }

        double conformal = Math.Sin(xi1) / Math.Sqrt(Square(Math.Sinh(eta1)) + Square(Math.Cos(xi1)));
        double longitude = Math.Atan2(Math.Sinh(eta1), Math.Cos(xi1));
        return ((6 * zone) - 183 + (longitude * Degrees), Math.Atan(Geodetic(conformal)) * Degrees);
    }

    // The tangent of the latitude from the tangent of the conformal latitude, by Newton's method.
    private static double Geodetic(double conformal)
    {
        double tau = conformal;
        for (int i = 0; i < 3; i++)
        {
            double secant = Math.Sqrt(1 + Square(tau));
            double sigma = Math.Sinh(E * Math.Atanh(E * tau / secant));
            double reached = (tau * Math.Sqrt(1 + Square(sigma))) - (sigma * secant);
            tau += (conformal - reached) / Math.Sqrt(1 + Square(reached)) * (1 + ((1 - E2) * Square(tau))) / ((1 - E2) * secant);
        }

        return tau;
    }

    private static double Square(double number) => number * number;

    private static double Polynomial(double x, params ReadOnlySpan<double> coefficients)
    {
        double sum = 0;
        for (int i = coefficients.Length - 1; i >= 0; i--)
        {
            sum = (sum * x) + coefficients[i];
        }

        return sum;
    }
}
