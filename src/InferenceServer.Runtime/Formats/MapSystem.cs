using System.Globalization;
using InferenceServer.Runtime.Decoding;
using NetTopologySuite.Geometries;

namespace InferenceServer.Runtime.Formats;

/// <summary>The coordinate reference system of a map layer, as a GeoPackage names it, and areas in it.</summary>
internal sealed class MapSystem
{
    private const int Wgs84Code = 4326, WebMercatorCode = 3857, UndefinedCartesian = -1;

    private const string Geographic =
        "GEOGCS[\"WGS 84\",DATUM[\"WGS_1984\",SPHEROID[\"WGS 84\",6378137,298.257223563,AUTHORITY[\"EPSG\",\"7030\"]]," +
        "AUTHORITY[\"EPSG\",\"6326\"]],PRIMEM[\"Greenwich\",0,AUTHORITY[\"EPSG\",\"8901\"]]," +
        "UNIT[\"degree\",0.0174532925199433,AUTHORITY[\"EPSG\",\"9122\"]],";

    private const string GeographicBase = Geographic + "AUTHORITY[\"EPSG\",\"4326\"]]";
    private const string Metre = "UNIT[\"metre\",1,AUTHORITY[\"EPSG\",\"9001\"]],AXIS[\"Easting\",EAST],AXIS[\"Northing\",NORTH],";

    private MapProjection? _toEllipsoid;
    private double? _metresPerUnit;

    private MapSystem(int id, string name, string organization, string definition) =>
        (Id, Name, Organization, Definition) = (id, name, organization, definition);

    /// <summary>Coordinates of an unknown plane, such as pixels: the standard's number -1.</summary>
    public static MapSystem Undefined { get; } =
        new(UndefinedCartesian, "Undefined Cartesian SRS", "NONE", "undefined");

    /// <summary>Longitude and latitude of an unknown system: the standard's number 0.</summary>
    public static MapSystem UndefinedGeographic { get; } = new(0, "Undefined geographic SRS", "NONE", "undefined");

    /// <summary>Longitude and latitude of WGS 84.</summary>
    public static MapSystem Wgs84 { get; } = new(
        Wgs84Code, "WGS 84", "EPSG", Geographic + "AXIS[\"Latitude\",NORTH],AXIS[\"Longitude\",EAST],AUTHORITY[\"EPSG\",\"4326\"]]")
    {
        _toEllipsoid = MapProjection.Of(Wgs84Code),
    };

    /// <summary>Number of the system in the file, which is its EPSG code where it has one.</summary>
    public int Id { get; }

    /// <summary>Name for people.</summary>
    public string Name { get; }

    /// <summary>Who gave the number: EPSG or NONE.</summary>
    public string Organization { get; }

    /// <summary>Well-known text of version 1; <c>undefined</c> where it is not known here.</summary>
    public string Definition { get; }

    /// <summary>The system of a mask.</summary>
    /// <param name="geo">The georeference of the image's file; null where it has none.</param>
    /// <param name="hasTransform">Whether pixels have map coordinates.</param>
    /// <exception cref="SegmentationException">The file describes a system of its own, which has no EPSG code.</exception>
    public static MapSystem Of(GeoTags? geo, bool hasTransform)
    {
        if (!hasTransform || geo is not { HasCrs: true })
        {
            return Undefined;
        }

        int epsg = geo.Epsg ?? throw new SegmentationException(
            SegmentationError.NotAcceptable,
            "A GeoPackage names its coordinate reference system by an EPSG code: expected an image whose file has one, got a system " +
            "of its own. Request format=geotiff, which keeps such a system.");
        if (epsg == Wgs84Code)
        {
            return Wgs84;
        }

        (string name, string definition) = Describe(epsg);
        MapSystem system = new(epsg, name, "EPSG", definition) { _metresPerUnit = geo.MetresPerUnit };
        if (epsg == WebMercatorCode)
        {
            system._toEllipsoid = MapProjection.Of(epsg); // a square metre of the map is none on the ground
        }
        else if (geo.IsInDegrees)
        {
            system._toEllipsoid = MapProjection.Of(Wgs84Code);
        }
        else if (MapProjection.Of(epsg) is not null)
        {
            system._metresPerUnit = 1; // UTM
        }

        return system;
    }

    /// <summary>Area of a polygon in square metres; null where the system's unit is not known.</summary>
    /// <remarks>Longitude and latitude, and Web Mercator: on the ellipsoid of WGS 84. Other projections: in the plane of the
    /// map.</remarks>
    public double? Area(Polygon polygon)
    {
        if (_toEllipsoid is { } projection)
        {
            return projection.Area(polygon.Shell.CoordinateSequence) -
                polygon.Holes.Sum(hole => projection.Area(hole.CoordinateSequence));
        }

        return polygon.Area * _metresPerUnit * _metresPerUnit;
    }

    // Of other systems no definition is at hand; readers find them by their code.
    private static (string Name, string Definition) Describe(int epsg)
    {
        if (epsg == WebMercatorCode)
        {
            return (
                "WGS 84 / Pseudo-Mercator",
                $"PROJCS[\"WGS 84 / Pseudo-Mercator\",{GeographicBase},PROJECTION[\"Mercator_1SP\"]," +
                "PARAMETER[\"central_meridian\",0],PARAMETER[\"scale_factor\",1],PARAMETER[\"false_easting\",0]," +
                $"PARAMETER[\"false_northing\",0],{Metre}EXTENSION[\"PROJ4\",\"+proj=merc +a=6378137 +b=6378137 +lat_ts=0 " +
                "+lon_0=0 +x_0=0 +y_0=0 +k=1 +units=m +nadgrids=@null +wktext +no_defs\"],AUTHORITY[\"EPSG\",\"3857\"]]");
        }

        if (MapProjection.Of(epsg) is null)
        {
            return (string.Create(CultureInfo.InvariantCulture, $"EPSG:{epsg}"), Undefined.Definition);
        }

        (int zone, string half, int northing) = (epsg - 32600, "N", 0);
        if (epsg > 32700)
        {
            (zone, half, northing) = (epsg - 32700, "S", 10_000_000);
        }

        string name = string.Create(CultureInfo.InvariantCulture, $"WGS 84 / UTM zone {zone}{half}");
        return (name, string.Create(
            CultureInfo.InvariantCulture,
            $"PROJCS[\"{name}\",{GeographicBase},PROJECTION[\"Transverse_Mercator\"],PARAMETER[\"latitude_of_origin\",0]," +
            $"PARAMETER[\"central_meridian\",{(6 * zone) - 183}],PARAMETER[\"scale_factor\",0.9996]," +
            $"PARAMETER[\"false_easting\",500000],PARAMETER[\"false_northing\",{northing}],{Metre}AUTHORITY[\"EPSG\",\"{epsg}\"]]"));
    }
}
