using System.Buffers;
using System.Text.Json;
using InferenceServer.Kernels;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Formats;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Postprocessing;

namespace InferenceServer.Runtime.Tests.Formats;

/// <summary>GeoJSON of images that cross the antimeridian: RFC 7946, section 3.1.9.</summary>
public sealed class AntimeridianTests
{
    [Fact]
    public void GeoJson_PolygonAcrossTheLine_IsCutThere()
    {
        JsonElement polygons = Polygons(4, [0, 0, 0, 0], 4326, [178, 1, 0, 10, 0.5, -1]);

        // A parallelogram: two degrees of longitude rise by one of latitude.
        Assert.Equal(2, polygons.GetArrayLength());
        Assert.Equal([(178, 10), (178, 9), (180, 10), (180, 11)], Corners(polygons[0][0]));
        Assert.Equal([(-180, 11), (-180, 10), (-178, 11), (-178, 12)], Corners(polygons[1][0]));
    }

    [Theory]
    [InlineData(176, 176, 180)]
    [InlineData(180, -180, -176)]
    [InlineData(-184, 176, 180)]
    [InlineData(-180, -180, -176)]
    [InlineData(200, -160, -156)]
    [InlineData(356, -4, 0)]
    public void GeoJson_PolygonOnOneSide_StaysWhole(double west, double left, double right)
    {
        JsonElement polygon = Assert.Single(Polygons(4, [0, 0, 0, 0], 4326, [west, 1, 0, 10, 0, -1]).EnumerateArray());

        Assert.Equal([(left, 10), (left, 9), (right, 9), (right, 10)], Corners(Assert.Single(polygon.EnumerateArray())));
    }

    [Fact]
    public void GeoJson_HoleAcrossTheLine_IsCutWithItsPolygon()
    {
        // The hole is the middle pixel, from 179.5 to 180.5 degrees.
        byte[] labels = [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0];

        JsonElement[] outer = [.. Polygons(5, labels, 4326, [177.5, 1, 0, 10, 0, -1]).EnumerateArray()];
        JsonElement[] inner = [.. Polygons(5, labels, 4326, [177.5, 1, 0, 10, 0, -1], label: 1).EnumerateArray()];

        Assert.Equal(2, outer.Length);
        Assert.All(outer, polygon => Assert.Equal(1, polygon.GetArrayLength()));
        Assert.Equal([(177.5, 7.0, 180.0, 10.0), (-180.0, 7.0, -177.5, 10.0)], outer.Select(polygon => Box(polygon[0])));
        Assert.Equal([7.0, 7.0], outer.Select(polygon => Area(polygon[0])));
        Assert.Equal([(179.5, 8.0, 180.0, 9.0), (-180.0, 8.0, -179.5, 9.0)], inner.Select(polygon => Box(polygon[0])));
        Assert.Equal([0.5, 0.5], inner.Select(polygon => Area(polygon[0])));
    }

    [Fact]
    public void GeoJson_HoleOnOneSide_StaysAClockwiseHole()
    {
        byte[] labels = [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0];

        JsonElement[] outer = [.. Polygons(5, labels, 4326, [175.5, 1, 0, 10, 0, -1]).EnumerateArray()];

        Assert.Equal(2, outer.Length);
        Assert.Equal([2, 1], outer.Select(polygon => polygon.GetArrayLength()));
        Assert.Equal([(177.5, 9), (178.5, 9), (178.5, 8), (177.5, 8)], Corners(outer[0][1]));
        Assert.True(Area(outer[0][1]) < 0);
        Assert.Equal(((180 - 175.5) * 3) - 1, Area(outer[0][0]) + Area(outer[0][1]), 1e-9);
    }

    // The eastern side of UTM zone 60 and the western side of zone 1, on the equator and at 60° north; Web Mercator.
    [Theory]
    [InlineData(32660, 833_000, 100_000)]
    [InlineData(32660, 664_000, 6_650_000)]
    [InlineData(32701, 160_000, 9_900_000)]
    [InlineData(3857, 20_036_000, 5_000_000)]
    [InlineData(3857, -20_040_000, 5_000_000)]
    public void GeoJson_ProjectedAcrossTheLine_HasTheSameArea(int epsg, double x, double y)
    {
        byte[] labels = [.. Enumerable.Range(0, 400).Select(i => (byte)(i * 7 % 11 % 2))];
        double[] affine = [x, 300, 40, y, 30, -300];
        MapProjection projection = MapProjection.Of(epsg)!;
        Geotransform transform = Geotransform.FromGdal(affine)!.Value;
        double expected = 0, found = 0;
        int polygons = 0, parts = 0;
        foreach (int label in new[] { 0, 1 })
        {
            MaskContent content = Content(20, labels, epsg, affine);
            foreach (Kernels.Outlines.LabelPolygon part in Outlines.Of(content, 0, pointBytes: 0)[label])
            {
                parts++;
                expected += part.Rings.Sum(ring => Area([.. transform.Apply(ring).Select(at => projection.ToWgs84(at.X, at.Y))]));
            }

            foreach (JsonElement polygon in Polygons(20, labels, epsg, affine, label).EnumerateArray())
            {
                polygons++;
                found += polygon.EnumerateArray().Sum(Area);
                Assert.True(Area(polygon[0]) > 0);
                Assert.All(polygon.EnumerateArray().Skip(1), hole => Assert.True(Area(hole) < 0));
                Assert.All(Corners(polygon[0]), corner => Assert.InRange(corner.X, -180, 180));
                Assert.True(Corners(polygon[0]).Max(at => at.X) - Corners(polygon[0]).Min(at => at.X) < 90);
            }
        }

        Assert.True(polygons > parts, "some part is cut");
        Assert.Equal(expected, found, 1e-7);
    }

    [Theory]
    [InlineData(4326, 541)]
    [InlineData(4326, -600)]
    public void GeoJson_LongitudeOfNoPlace_IsRefused(int epsg, double west) => Assert.Equal(
        SegmentationError.NotAcceptable,
        Assert.Throws<SegmentationException>(() => Polygons(4, [0, 0, 0, 0], epsg, [west, 1, 0, 10, 0, -1])).Error);

    private static JsonElement Polygons(int width, byte[] labels, int epsg, double[] affine, int label = 0)
    {
        ArrayBufferWriter<byte> output = new();
        MaskFormat.GeoJson.Encoder.Encode(Content(width, labels, epsg, affine), FormatSettings.Default, output);
        JsonElement feature = JsonDocument.Parse(output.WrittenMemory).RootElement.GetProperty("features")[label];
        Assert.Equal("MultiPolygon", feature.GetProperty("geometry").GetProperty("type").GetString());
        return feature.GetProperty("geometry").GetProperty("coordinates");
    }

    private static MaskContent Content(int width, byte[] labels, int epsg, double[] affine) => new()
    {
        Model = "roads",
        Version = 3,
        Classes = ClassTable.Create(new ClassesManifest { Names = ["a", "b"], Palette = ["voc"] }),
        Channels = 2,
        Size = new ImageSize(width, labels.Length / width),
        Labels = labels,
        Planes = [new LabelPlane(labels)],
        Confidence = default,
        Probabilities = default,
        Image = default,
        Geo = new GeoTags { KeyDirectory = [1, 1, 0, 1, epsg == 4326 ? (ushort)2048 : (ushort)3072, 0, 1, (ushort)epsg] }
            .WithAffine(affine),
    };

    // Without the last, from the upper left one on.
    private static (double X, double Y)[] Corners(JsonElement ring)
    {
        (double X, double Y)[] points = [.. Points(ring)];
        Assert.Equal(points[0], points[^1]);
        points = points[1..];
        double west = points.Min(at => at.X);
        int first = Array.IndexOf(points, points.Where(at => at.X == west).MaxBy(at => at.Y));
        return [.. points[first..], .. points[..first]];
    }

    private static IEnumerable<(double X, double Y)> Points(JsonElement ring) =>
        ring.EnumerateArray().Select(at => (at[0].GetDouble(), at[1].GetDouble()));

    private static (double West, double South, double East, double North) Box(JsonElement ring) => (
        Points(ring).Min(at => at.X), Points(ring).Min(at => at.Y), Points(ring).Max(at => at.X), Points(ring).Max(at => at.Y));

    private static double Area(JsonElement ring) => Area([.. Points(ring)]);

    private static double Area((double X, double Y)[] ring) =>
        ring.Zip(ring.Skip(1)).Sum(pair => (pair.First.X * pair.Second.Y) - (pair.Second.X * pair.First.Y)) / 2;
}
