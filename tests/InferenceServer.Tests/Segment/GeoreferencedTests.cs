using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using InferenceServer.Runtime.Decoding;

namespace InferenceServer.Tests.Segment;

/// <summary>Masks of images whose files have a georeference; tests/assets/make_geo.py made the files and the
/// figures.</summary>
[Collection(SharedServer.Name)]
public sealed class GeoreferencedTests(SegmentationServer server)
{
    [Theory]
    [InlineData("utm")]
    [InlineData("utm-point")]
    [InlineData("mercator-rotated")]
    [InlineData("wgs84")]
    public async Task GeoJson_KnownSystem_HasLongitudeAndLatitude(string name)
    {
        using HttpResponseMessage response = await PostAsync(name, "geojson");
        JsonElement answer = JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync()).RootElement;

        // The three parts of the picture meet in the middle; two corners of the picture are red's.
        double[][] golden =
        [
            .. JsonDocument.Parse(Asset("gdal.json")).RootElement.GetProperty(name).GetProperty("corners")
                .EnumerateArray()
                .Select(c => c.EnumerateArray().Skip(2).Select(n => Math.Round(n.GetDouble(), 9)).ToArray()),
        ];
        JsonElement red = answer.GetProperty("features")[0].GetProperty("geometry").GetProperty("coordinates");
        double[][] ring = [.. red[0][0].EnumerateArray().Select(p => new[] { p[0].GetDouble(), p[1].GetDouble() })];
        Assert.Contains(ring, point => Near(point, golden[0]));
        Assert.Contains(ring, point => Near(point, golden[1]));
        JsonElement green = answer.GetProperty("features")[1].GetProperty("geometry").GetProperty("coordinates");
        Assert.Contains(green[0][0].EnumerateArray(), p => Near([p[0].GetDouble(), p[1].GetDouble()], golden[4]));
        Assert.True(Area(ring) > 0, "outlines run counterclockwise");
    }

    [Theory]
    [InlineData("lambert", "EPSG:2154")]
    [InlineData("own-crs", "one of its own")]
    public async Task GeoJson_OtherSystem_Is406(string name, string system)
    {
        using HttpResponseMessage response = await PostAsync(name, "geojson");

        string detail = await ProblemAssert.IsAsync(HttpStatusCode.NotAcceptable, response);
        Assert.Contains(system, detail, StringComparison.Ordinal);
        Assert.Contains("geotiff", detail, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("lambert", "geojson&geotransform=0,1,0,0,0,1")]
    [InlineData("utm", "geojson&geotransform=0,1,0,0,0,1")]
    [InlineData("no-crs", "geojson")]
    [InlineData("gcps", "geojson")]
    public async Task GeoJson_GeotransformOrNoSystem_IsAsGiven(string name, string format)
    {
        using HttpResponseMessage response = await PostAsync(name, format);
        string georeferenced = await response.Content.ReadAsStringAsync();
        using HttpResponseMessage plain = await server.Client.PostAsync("/v1/segment/tiny?format=geojson", Photo.Content(Photo.Png));

        Assert.Equal(await plain.Content.ReadAsStringAsync(), georeferenced);
    }

    [Theory]
    [InlineData("geotiff", "image/tiff; application=geotiff")]
    [InlineData("cog", "image/tiff; application=geotiff; profile=cloud-optimized")]
    [InlineData("cog&confidence=true", "image/tiff; application=geotiff; profile=cloud-optimized")]
    public async Task GeoTiff_Answer_HasTheGeoreference(string format, string type)
    {
        using HttpResponseMessage response = await PostAsync("utm-point", format);
        byte[] file = await response.Content.ReadAsByteArrayAsync();

        Assert.Equal(type, response.Content.Headers.ContentType!.ToString());
        GeoTags expected = GeoTags.Read(new TiffDirectory(Asset("utm-point.tif")))!;
        GeoTags tags = GeoTags.Read(new TiffDirectory(file))!;
        Assert.Equal(expected.Affine, tags.Affine);
        Assert.Equal(expected.KeyDirectory, tags.KeyDirectory);
        Assert.Equal("255", tags.Nodata);
        Assert.Contains("<Item name=\"CLASS_2\">blue</Item>", tags.Metadata, StringComparison.Ordinal);
    }

    [Fact]
    public async Task GeoTiff_Accept_ChoosesIt()
    {
        using HttpRequestMessage request = new(HttpMethod.Post, "/v1/segment/tiny") { Content = Photo.Content(Photo.Png) };
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("image/tiff"));

        using HttpResponseMessage response = await server.Client.SendAsync(request);

        Assert.Equal("image/tiff", response.Content.Headers.ContentType!.MediaType);
        Assert.Equal("II*\0"u8.ToArray(), (await response.Content.ReadAsByteArrayAsync())[..4]);
    }

    [Theory]
    [InlineData("geotiff&confidence=true", "no confidence")]
    [InlineData("geotiff&confidence=yes", "true or false")]
    public async Task Confidence_WithoutScoresOrNoFlag_IsExplained(string format, string expected)
    {
        using HttpResponseMessage response = await server.Client.PostAsync(
            $"/v1/segment/tiny-labels?format={format}", Photo.Content(Photo.Png));

        Assert.Contains(expected, await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, response), StringComparison.Ordinal);
    }

    private static bool Near(double[] a, double[] b) => Math.Abs(a[0] - b[0]) < 2e-9 && Math.Abs(a[1] - b[1]) < 2e-9;

    private static double Area(double[][] ring) =>
        ring.Zip(ring.Skip(1)).Sum(pair => (pair.First[0] * pair.Second[1]) - (pair.Second[0] * pair.First[1]));

    private static byte[] Asset(string name) => File.ReadAllBytes(Path.Combine(Repository.Root, "tests", "assets", "geo", name));

    private Task<HttpResponseMessage> PostAsync(string name, string format) =>
        server.Client.PostAsync($"/v1/segment/tiny?format={format}", Photo.Content(Asset(name + ".tif"), "image/tiff"));
}
