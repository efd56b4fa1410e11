using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using InferenceServer.Runtime.Decoding;
using Microsoft.Data.Sqlite;

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
    [InlineData("lambert", "EPSG:2154", "Request format=gpkg or geotiff, ")]
    [InlineData("own-crs", "one of its own", "Request format=geotiff, ")]
    public async Task GeoJson_OtherSystem_Is406(string name, string system, string remedy)
    {
        using HttpResponseMessage response = await PostAsync(name, "geojson");

        string detail = await ProblemAssert.IsAsync(HttpStatusCode.NotAcceptable, response);
        Assert.Contains(system, detail, StringComparison.Ordinal);
        Assert.Contains(remedy, detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task GeoPackage_Answer_HasASystemAndTheConfidences()
    {
        using HttpResponseMessage response = await PostAsync("lambert", "gpkg");
        using HttpResponseMessage confidence = await PostAsync("lambert", "confidence");

        Assert.Equal("application/geopackage+sqlite3", response.Content.Headers.ContentType!.ToString());
        byte[] pixels = PngImage.Read(await confidence.Content.ReadAsByteArrayAsync()).Samples;
        (string Class, long System, double Area, double Confidence)[] rows = Features(await response.Content.ReadAsByteArrayAsync());
        Assert.Equal([("red", 2154L), ("green", 2154L), ("blue", 2154L)], rows.Select(row => (row.Class, row.System)));
        Assert.Equal([768 * 400.0, 384 * 400.0, 384 * 400.0], rows.Select(row => row.Area));
        Assert.Equal(
            Enumerable.Range(0, 3).Select(label => pixels.Where((_, i) => Photo.Labels[i] == label).Average(value => value / 255.0)),
            rows.Select(row => row.Confidence), (a, b) => Math.Abs(a - b) < 1e-12);
    }

    [Fact]
    public async Task GeoPackage_SameRequestsAtTheSameTime_HaveEqualAnswers()
    {
        byte[][] answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(async _ =>
        {
            using HttpResponseMessage response = await PostAsync("utm", "gpkg");
            return await response.Content.ReadAsByteArrayAsync();
        }));

        Assert.Equal("SQLite format 3\0"u8.ToArray(), answers[0][..16]);
        Assert.All(answers, answer => Assert.Equal(answers[0], answer));
    }

    [Fact]
    public async Task GeoPackage_SystemWithoutACode_Is406()
    {
        using HttpResponseMessage response = await PostAsync("own-crs", "gpkg");

        Assert.Contains(
            "Request format=geotiff", await ProblemAssert.IsAsync(HttpStatusCode.NotAcceptable, response), StringComparison.Ordinal);
    }

    [Fact]
    public async Task GeoPackage_GraphOfLabels_HasNoConfidence()
    {
        using HttpResponseMessage response = await server.Client.PostAsync(
            "/v1/segment/tiny-labels?format=gpkg&geotransform=0,1,0,0,0,-1", Photo.Content(Photo.Png));

        Assert.All(Features(await response.Content.ReadAsByteArrayAsync()), row => Assert.Equal((-1, -1), (row.Area, row.Confidence)));
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

    [Theory]
    [InlineData("image/tiff", "II*\0")]
    [InlineData("application/geopackage+sqlite3", "SQLite format 3")]
    public async Task Accept_TypeOfAMap_ChoosesIt(string type, string start)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, "/v1/segment/tiny") { Content = Photo.Content(Photo.Png) };
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue(type));

        using HttpResponseMessage response = await server.Client.SendAsync(request);

        Assert.Equal(type, response.Content.Headers.ContentType!.MediaType);
        Assert.Equal(Encoding.ASCII.GetBytes(start), (await response.Content.ReadAsByteArrayAsync())[..start.Length]);
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

    public static TheoryData<string> Windows => [.. Golden().Select(golden => golden.GetProperty("file").GetString()!)];

    [Theory, MemberData(nameof(Windows))]
    public async Task Window_GeoTiff_HasGdalsTransform(string name)
    {
        JsonElement golden = Golden().Single(g => g.GetProperty("file").GetString() == name);
        string pixels = string.Join(',', golden.GetProperty("window").EnumerateArray());
        using HttpResponseMessage response = await PostAsync(name, $"geotiff&window={pixels}");
        TiffDirectory file = new(await response.Content.ReadAsByteArrayAsync());
        GeoTags tags = GeoTags.Read(file)!;

        Assert.Equal((20, 16), (file.Value(256, 0), file.Value(257, 0)));
        if (golden.GetProperty("transform") is { ValueKind: JsonValueKind.Array } transform)
        {
            double[] expected = [.. transform.EnumerateArray().Select(n => n.GetDouble())];
            Assert.All(expected.Zip(tags.Affine!), pair => Assert.Equal(pair.First, pair.Second, 1e-9 * (1 + Math.Abs(pair.First))));
        }
        else
        {
            IEnumerable<JsonElement> numbers = golden.GetProperty("points").EnumerateArray().SelectMany(p => p.EnumerateArray());
            double[] expected = [.. numbers.Select(n => n.GetDouble())];
            Assert.Equal(expected, tags.Tiepoints.Chunk(6).SelectMany(p => new[] { p[0], p[1], p[3], p[4] }));
        }
    }

    [Theory]
    [InlineData("utm")]
    [InlineData("utm-point")]
    [InlineData("wgs84")]
    [InlineData("mercator-rotated")]
    public async Task Bbox_OfAWindow_CoversIt(string name)
    {
        JsonElement golden = Golden().Single(g => g.GetProperty("file").GetString() == name);
        double[] map = [.. golden.GetProperty("transform").EnumerateArray().Select(n => n.GetDouble())];
        (double X, double Y)[] corners = [Place(0, 0), Place(20, 0), Place(0, 16), Place(20, 16)];
        string area = FormattableString.Invariant(
            $"{corners.Min(c => c.X):R},{corners.Min(c => c.Y):R},{corners.Max(c => c.X):R},{corners.Max(c => c.Y):R}");

        using HttpResponseMessage response = await PostAsync(name, $"geotiff&bbox={area}");

        TiffDirectory file = new(await response.Content.ReadAsByteArrayAsync());
        double[] part = [.. GeoTags.Read(file)!.Affine!];
        if (name != "mercator-rotated")
        {
            Assert.Equal((20, 16), (file.Value(256, 0), file.Value(257, 0)));
            Assert.All(map.Zip(part), pair => Assert.Equal(pair.First, pair.Second, 1e-6));
            return;
        }

        // The area around a turned rectangle is larger: a corner's pixels reach beyond it by less than one.
        Assert.True(file.Value(256, 0) > 20 && file.Value(257, 0) > 16);
        double size = (part[1] * part[5]) - (part[2] * part[4]);
        Assert.All(corners, corner =>
        {
            double column = (((corner.X - part[0]) * part[5]) - ((corner.Y - part[3]) * part[2])) / size;
            double row = (((corner.Y - part[3]) * part[1]) - ((corner.X - part[0]) * part[4])) / size;
            Assert.InRange(column, -1e-6, file.Value(256, 0) + 1e-6);
            Assert.InRange(row, -1e-6, file.Value(257, 0) + 1e-6);
        });

        (double X, double Y) Place(int column, int row) =>
            (map[0] + (column * map[1]) + (row * map[2]), map[3] + (column * map[4]) + (row * map[5]));
    }

    [Theory]
    [InlineData("png&window=0,0,49,1", "window: expected pixels of the image, which has 48×32")]
    [InlineData("png&window=0,0,0,1", "window: expected first column, first row, width, height")]
    [InlineData("png&window=0,0,1.5,1", "window: expected first column")]
    [InlineData("png&window=1,1,1,1&bbox=0,0,1,1", "window and bbox say the same thing")]
    [InlineData("png&bbox=1,0,1,1", "bbox: expected least x, least y")]
    [InlineData("png&bbox=0,0,1,1", "bbox: expected an area that overlaps the image")]
    public async Task Window_NotInTheImage_IsExplained(string format, string expected)
    {
        using HttpResponseMessage response = await PostAsync("utm", format);

        Assert.Contains(expected, await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, response), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Bbox_NoGeoreference_TakesTheRequestsTransform()
    {
        using HttpResponseMessage refused = await server.Client.PostAsync("/v1/segment/tiny?bbox=0,0,5,5", Photo.Content(Photo.Png));
        using HttpResponseMessage box = await server.Client.PostAsync(
            "/v1/segment/tiny?format=geojson&geotransform=100,2,0,200,0,-2&bbox=110,180,149.5,190", Photo.Content(Photo.Png));
        using HttpResponseMessage window = await server.Client.PostAsync(
            "/v1/segment/tiny?format=geojson&geotransform=100,2,0,200,0,-2&window=5,5,20,5", Photo.Content(Photo.Png));

        string detail = await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, refused);
        Assert.Contains("whose file has a transform", detail, StringComparison.Ordinal);
        string json = await window.Content.ReadAsStringAsync();
        Assert.Equal(json, await box.Content.ReadAsStringAsync());
        Assert.Contains("[110,190]", json, StringComparison.Ordinal);
    }

    private static JsonElement.ArrayEnumerator Golden() => JsonDocument.Parse(Asset("windows.json")).RootElement.EnumerateArray();

    // -1 stands for NULL.
    private static (string Class, long System, double Area, double Confidence)[] Features(byte[] bytes)
    {
        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName() + ".gpkg");
        File.WriteAllBytes(path, bytes);
        try
        {
            using SqliteConnection connection = new($"Data Source={path};Pooling=False");
            connection.Open();
            using SqliteCommand command = connection.CreateCommand();
            command.CommandText =
                "SELECT class, srs_id, ifnull(area_m2, -1), ifnull(mean_confidence, -1) " +
                $"FROM gpkg_geometry_columns, \"{Table(connection)}\" ORDER BY fid";
            using SqliteDataReader reader = command.ExecuteReader();
            List<(string, long, double, double)> rows = [];
            while (reader.Read())
            {
                rows.Add((reader.GetString(0), reader.GetInt64(1), reader.GetDouble(2), reader.GetDouble(3)));
            }

            return [.. rows];
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static string Table(SqliteConnection connection)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = "SELECT table_name FROM gpkg_geometry_columns";
        return (string)command.ExecuteScalar()!;
    }

    private static bool Near(double[] a, double[] b) => Math.Abs(a[0] - b[0]) < 2e-9 && Math.Abs(a[1] - b[1]) < 2e-9;

    private static double Area(double[][] ring) =>
        ring.Zip(ring.Skip(1)).Sum(pair => (pair.First[0] * pair.Second[1]) - (pair.Second[0] * pair.First[1]));

    private static byte[] Asset(string name) => File.ReadAllBytes(Path.Combine(Repository.Root, "tests", "assets", "geo", name));

    private Task<HttpResponseMessage> PostAsync(string name, string format) =>
        server.Client.PostAsync($"/v1/segment/tiny?format={format}", Photo.Content(Asset(name + ".tif"), "image/tiff"));
}
