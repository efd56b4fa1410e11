using System.Buffers;
using System.Globalization;
using System.Text.Json;
using InferenceServer.Kernels;
using InferenceServer.Kernels.Outlines;
using InferenceServer.Runtime.Decoding;

namespace InferenceServer.Runtime.Formats;

/// <summary>A GeoJSON feature for each class in the mask; the parts of a class are a multipolygon. Coordinates are
/// those of the request's geotransform; else longitude and latitude, where the image has a georeference; else pixels.
/// </summary>
/// <remarks>RFC 7946: rings are closed; outlines are counterclockwise, holes clockwise; longitude and latitude are cut at
/// the antimeridian.</remarks>
internal sealed class GeoJsonEncoder : IMaskEncoder
{
    private const int PointBytes = 80;
    private const int Decimals = 9; // of a degree: 0.1 mm
    private const double Circumference = 40_100_000; // of the Earth, in metres
    private const double FarthestLongitude = 540;    // a turn beyond the antimeridian

    public void Check(GeoTags? geo, FormatSettings options) => ProjectionOf(geo, options);

    public EncodingBytes Bytes(in MaskExtent mask, FormatSettings options) =>
        EncodingBytes.Few;

    public void Encode(MaskContent content, FormatSettings options, IBufferWriter<byte> output)
    {
        ILookup<int, LabelPolygon> parts = Outlines.Of(content, options.Tolerance, PointBytes);
        Geotransform transform = options.Geotransform ?? Geotransform.Pixels;
        MapProjection? projection = ProjectionOf(content.Geo, options);
        if (projection is not null)
        {
            transform = Geotransform.FromGdal(content.Geo!.Affine!) ?? Geotransform.Pixels;
            CheckIsOnEarth(transform, content.Size, projection);
        }

        MaskSummary summary = MaskSummary.Of(content);
        using Utf8JsonWriter json = JsonText.Create(output);
        json.WriteStartObject();
        json.WriteString("type"u8, "FeatureCollection"u8);
        json.WriteHead(summary);
        json.WriteStartArray("features"u8);
        foreach (ClassSummary of in summary.Classes)
        {
            json.WriteStartObject();
            json.WriteString("type"u8, "Feature"u8);
            json.WriteNumber("id"u8, of.Index);
            json.WriteStartObject("properties"u8);
            json.WriteClass(of);
            json.WriteEndObject();
            json.WriteStartObject("geometry"u8);
            json.WriteString("type"u8, "MultiPolygon"u8);
            json.WriteStartArray("coordinates"u8);
            foreach ((double X, double Y)[][] polygon in parts[of.Index].SelectMany(part => Polygons(part, transform, projection)))
            {
                Write(json, polygon);
            }

            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static MapProjection? ProjectionOf(GeoTags? geo, FormatSettings options)
    {
        if (options.Geotransform is null && geo?.Affine is { } affine && Geotransform.FromGdal(affine) is not null)
        {
            return MapProjection.Of(geo);
        }

        return null;
    }

    // Far outside, the formulas have no result. Whatever is within an image is within its corners.
    private static void CheckIsOnEarth(Geotransform transform, ImageSize size, MapProjection projection)
    {
        foreach ((int column, int row) in new[] { (0, 0), (size.Width, 0), (0, size.Height), (size.Width, size.Height) })
        {
            (double x, double y) = transform.Apply(column, row);
            bool isOnEarth = Math.Abs(x) <= Circumference && Math.Abs(y) <= Circumference;
            if (!isOnEarth || Math.Abs(projection.ToWgs84(x, y).Longitude) > FarthestLongitude)
            {
                throw new SegmentationException(
                    SegmentationError.NotAcceptable,
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"Expected map coordinates on the Earth, got {x:g6}, {y:g6} at a corner of the image. ") +
                    "Correct the georeference of the file, or send geotransform for coordinates as they are.");
            }
        }
    }

    private static IEnumerable<(double X, double Y)[][]> Polygons(
        LabelPolygon part, Geotransform transform, MapProjection? projection)
    {
        if (projection is null)
        {
            return [[.. part.Rings.Select(ring => transform.Apply(ring).ToArray())]];
        }

        return Antimeridian.Cut(
        [
            .. part.Rings.Select(ring => transform.Apply(ring).Select(at => Rounded(projection.ToWgs84(at.X, at.Y))).ToArray()),
        ]).Select(rings => rings.Select(ring => ring.Select(Rounded).ToArray()).ToArray());
    }

    private static (double X, double Y) Rounded((double X, double Y) at) =>
        (Math.Round(at.X, Decimals), Math.Round(at.Y, Decimals));

    private static void Write(Utf8JsonWriter json, (double X, double Y)[][] polygon)
    {
        json.WriteStartArray();
        foreach ((double X, double Y)[] ring in polygon)
        {
            json.WriteStartArray();
            foreach ((double x, double y) in ring)
            {
                json.WriteStartArray();
                json.WriteNumberValue(x);
                json.WriteNumberValue(y);
                json.WriteEndArray();
            }

            json.WriteEndArray();
        }

        json.WriteEndArray();
    }
}
