using System.Globalization;
using System.Net;
using System.Text.Json;

namespace InferenceServer.Tests.Segment;

/// <summary>The image as people see it, and where it lies on the map.</summary>
[Collection(SharedServer.Name)]
public sealed class ViewTests(SegmentationServer server)
{
    [Theory]
    [InlineData("", 0, 1, 2)]
    [InlineData("&bands=1,2,3,4", 2, 1, 0)]
    [InlineData("&bands=4,2,1,3", -1, 1, 2)]
    public async Task View_NetworkOfBands_IsByItsManifest(string query, params int[] order)
    {
        using MapModel model = new();
        await using SegmentationServer own = await SegmentationServer.StartAsync(model.Settings);

        using HttpResponseMessage response = await PostAsync(own, "utm-bands", "view" + query);

        PngImage view = PngImage.Read(await response.Content.ReadAsByteArrayAsync());
        Assert.Equal((Photo.Width, Photo.Height, PngImage.Rgb), (view.Width, view.Height, view.ColorType));
        byte near = 300 * 255 / 4000; // 19.1
        byte[] expected = [.. MapModel.View(order)];
        if (order[0] < 0)
        {
            expected = [.. expected.Select((value, i) => i % 3 == 0 ? near : value)];
        }

        Assert.Equal(expected, view.Samples);
    }

    [Theory]
    [InlineData("min-max:0,8000", 64, 13)]
    [InlineData("clip:0,1000;scale:1000", 255, 102)]
    [InlineData("z-score:1000,500", 128, 26)] // says nothing of black and white
    public async Task View_ValueScalingOfTheRequest_IsItsStretch(string steps, byte bright, byte dark)
    {
        using MapModel model = new();
        await using SegmentationServer own = await SegmentationServer.StartAsync(model.Settings);

        using HttpResponseMessage response = await PostAsync(own, "utm-bands", "view&value_scaling=" + steps);

        Assert.Equal(
            MapModel.View(0, 1, 2).Select(value => value == 128 ? bright : dark),
            PngImage.Read(await response.Content.ReadAsByteArrayAsync()).Samples);
    }

    [Fact]
    public async Task View_NetworkOfColors_IsTheImage()
    {
        using HttpResponseMessage response = await server.Client.PostAsync("/v1/segment/tiny?format=view", Photo.Content(Photo.Png));

        PngImage view = PngImage.Read(await response.Content.ReadAsByteArrayAsync());
        Assert.Equal(PngImage.Read(Photo.Png).Samples, view.Samples);
        Assert.Equal($"{Photo.Width}", Assert.Single(response.Headers.GetValues("X-Image-Width")));
    }

    [Fact]
    public async Task View_DeepImageForANetworkOfColors_IsByTheRequest()
    {
        using HttpResponseMessage refused = await PostAsync(server, "utm-bands", "view&bands=3,2,1");
        using HttpResponseMessage response = await PostAsync(server, "utm-bands", "view&bands=3,2,1&value_scaling=min-max:0,4000");

        Assert.Contains(
            "value_scaling=min-max", await ProblemAssert.IsAsync(HttpStatusCode.UnprocessableEntity, refused), StringComparison.Ordinal);
        Assert.Equal(MapModel.View(0, 1, 2), PngImage.Read(await response.Content.ReadAsByteArrayAsync()).Samples);
    }

    [Fact]
    public async Task View_ManyImages_IsTheViewOfEach()
    {
        using MultipartFormDataContent images = new() { { Photo.Content(Photo.Png), "image", "a.png" } };

        using HttpResponseMessage response = await server.Client.PostAsync("/v1/segment:batch?model=tiny&format=view", images);

        JsonElement line = JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement;
        Assert.Equal((200, Photo.Width), (line.GetProperty("status").GetInt32(), line.GetProperty("width").GetInt32()));
        Assert.Equal(PngImage.Read(Photo.Png).Samples, PngImage.Read(line.GetProperty("mask").GetBytesFromBase64()).Samples);
    }

    [Theory]
    [InlineData("view")]
    [InlineData("view&mode=slide&crop=16&refine=crf")]
    public async Task View_Network_DoesNotRun(string format)
    {
        using HttpResponseMessage response = await PostAsync(server, "utm", format);

        Assert.Equal("image/png", response.Content.Headers.ContentType!.ToString());
        string stages = Assert.Single(response.Headers.GetValues("Server-Timing"));
        Assert.All(
            (string[])["preprocess", "queue", "infer", "postprocess", "crf"],
            stage => Assert.Contains($"{stage};dur=0.00", stages, StringComparison.Ordinal));
        Assert.DoesNotContain("decode;dur=0.00", stages, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("utm", "EPSG:32633")]
    [InlineData("utm-point", "EPSG:32733")]
    [InlineData("mercator-rotated", "EPSG:3857")]
    [InlineData("wgs84", "EPSG:4326")]
    [InlineData("lambert", "EPSG:2154")]
    [InlineData("own-crs", null)]
    [InlineData("no-crs", null)]
    public async Task Georeference_HeaderAndJson_IsThatOfTheFile(string name, string? system)
    {
        using HttpResponseMessage response = await PostAsync(server, name, "json");
        using HttpResponseMessage other = await PostAsync(server, name, "view");

        string header = Assert.Single(response.Headers.GetValues("X-Georeference"));
        Assert.Equal(header, Assert.Single(other.Headers.GetValues("X-Georeference")));
        JsonElement answer = JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync()).RootElement;
        JsonElement georeference = answer.GetProperty("georeference");
        Assert.Equal(header, georeference.GetRawText());
        string golden = await File.ReadAllTextAsync(Path.Combine(Repository.Root, "tests", "assets", "geo", "gdal.json"));
        JsonElement gdal = JsonDocument.Parse(golden).RootElement.GetProperty(name);
        Assert.Equal(Numbers(gdal.GetProperty("transform")), Numbers(georeference.GetProperty("geotransform")));
        Assert.Equal(system, georeference.TryGetProperty("crs", out JsonElement crs) ? crs.GetString() : null);
        if (gdal.GetProperty("corners").ValueKind == JsonValueKind.Null)
        {
            Assert.False(georeference.TryGetProperty("wgs84", out _));
            return;
        }

        double[][] points = [.. georeference.GetProperty("wgs84").EnumerateArray().Select(Numbers)];
        double[][] corners = [.. gdal.GetProperty("corners").EnumerateArray().Select(Numbers)];
        Assert.Equal(9, points.Length);
        Assert.All(
            ((int Point, int Corner)[])[(0, 0), (2, 1), (6, 2), (8, 3), (4, 4)],
            pair => Assert.All(
                points[pair.Point].Zip(corners[pair.Corner][2..]), angle => Assert.InRange(angle.First - angle.Second, -2e-9, 2e-9)));
    }

    [Fact]
    public async Task Georeference_Photograph_HasNoneUnlessTheRequestGivesIt()
    {
        using HttpResponseMessage plain = await server.Client.PostAsync("/v1/segment/tiny?format=json", Photo.Content(Photo.Png));
        using HttpResponseMessage given = await server.Client.PostAsync(
            "/v1/segment/tiny?format=polygons&worldfile=2,0,0,-3,101,198.5", Photo.Content(Photo.Png));

        Assert.False(plain.Headers.Contains("X-Georeference"));
        Assert.DoesNotContain("georeference", await plain.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        JsonElement answer = JsonDocument.Parse(await given.Content.ReadAsByteArrayAsync()).RootElement;
        Assert.Equal("""{"geotransform":[100,2,0,200,0,-3]}""", answer.GetProperty("georeference").GetRawText());
    }

    // Far from the Earth, where the formulas have no result.
    [Fact]
    public async Task Georeference_CoordinatesOffTheEarth_HasNoLongitude()
    {
        using HttpResponseMessage response = await PostAsync(server, "wgs84", "view&geotransform=0,10,0,95,0,-1");

        string header = Assert.Single(response.Headers.GetValues("X-Georeference"));
        Assert.Equal("""{"crs":"EPSG:4326","geotransform":[0,10,0,95,0,-1]}""", header);
    }

    private static double[] Numbers(JsonElement list) => [.. list.EnumerateArray().Select(number => number.GetDouble())];

    private static Task<HttpResponseMessage> PostAsync(SegmentationServer server, string name, string format) => server.Client.PostAsync(
        string.Create(CultureInfo.InvariantCulture, $"/v1/segment?format={format}"), Photo.Content(MapModel.Image(name), "image/tiff"));
}
