using System.Text.Json;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Formats;

namespace InferenceServer.Runtime.Tests.Formats;

/// <summary>Against what PROJ says; tests/assets/make_geo.py made the figures.</summary>
public sealed class MapProjectionTests
{
    // In degrees of latitude and longitude: 10⁻¹⁰ degrees are 0.01 mm.
    private const double Tolerance = 1e-10;

    [Fact]
    public void ToWgs84_MapCoordinates_AreProjsLongitudeAndLatitude()
    {
        using JsonDocument golden = JsonDocument.Parse(Assets.Geo("proj.json"));

        Assert.All(golden.RootElement.EnumerateArray(), point =>
        {
            double[] numbers = [.. point.EnumerateArray().Select(n => n.GetDouble())];

            (double longitude, double latitude) = MapProjection.Of((int)numbers[0])!.ToWgs84(numbers[1], numbers[2]);

            Assert.Equal(numbers[3], longitude, Tolerance);
            Assert.Equal(numbers[4], latitude, Tolerance);
        });
    }

    [Fact]
    public void Of_GeoreferencedFile_PutsItsCornersWhereGdalDoes()
    {
        using JsonDocument golden = JsonDocument.Parse(Assets.Geo("gdal.json"));

        foreach (JsonProperty file in golden.RootElement.EnumerateObject()
            .Where(f => f.Value.GetProperty("corners").ValueKind == JsonValueKind.Array))
        {
            GeoTags geo = GeoTags.Read(new TiffDirectory(Assets.Geo(file.Name + ".tif")))!;
            Geotransform transform = Geotransform.FromGdal(geo.Affine!)!.Value;
            Assert.All(file.Value.GetProperty("corners").EnumerateArray(), corner =>
            {
                double[] numbers = [.. corner.EnumerateArray().Select(n => n.GetDouble())];
                (double x, double y) = transform.Apply((int)numbers[0], (int)numbers[1]);

                (double longitude, double latitude) = MapProjection.Of(geo)!.ToWgs84(x, y);

                Assert.Equal(numbers[2], longitude, Tolerance);
                Assert.Equal(numbers[3], latitude, Tolerance);
            });
        }
    }

    [Theory]
    [InlineData(32600)]
    [InlineData(32661)]
    [InlineData(32700)]
    [InlineData(32761)]
    [InlineData(25832)]
    [InlineData(2154)]
    public void Of_OtherSystem_IsNull(int epsg) => Assert.Null(MapProjection.Of(epsg));

    [Theory]
    [InlineData("lambert", "got EPSG:2154")]
    [InlineData("own-crs", "got one of its own")]
    public void Of_FileInAnotherSystem_IsRefused(string file, string expected)
    {
        SegmentationException e = Assert.Throws<SegmentationException>(
            () => MapProjection.Of(GeoTags.Read(new TiffDirectory(Assets.Geo(file + ".tif")))));

        Assert.Equal(SegmentationError.NotAcceptable, e.Error);
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("no-crs")]
    [InlineData("gcps")]
    public void Of_FileWithoutSystemOrTransform_IsNull(string file) =>
        Assert.Null(MapProjection.Of(GeoTags.Read(new TiffDirectory(Assets.Geo(file + ".tif")))));

    // No outline is torn where longitudes end.
    [Fact]
    public void ToWgs84_BeyondTheAntimeridian_KeepsCounting()
    {
        (double longitude, _) = MapProjection.Of(32660)!.ToWgs84(900_000, 1_000_000);

        Assert.InRange(longitude, 180.1, 181);
    }
}
