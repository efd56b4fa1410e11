using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using InferenceServer.Tests.Fetching;
using InferenceServer.Tests.Telemetry;

namespace InferenceServer.Tests.Dialects;

/// <summary>Requests as Label Studio's <c>ml/api_connector.py</c> sends them.</summary>
public sealed class LabelStudioTests
{
    internal const string Brush =
        """<View><Image name="img" value="$image" zoom="true"/><BrushLabels name="tag" toName="img"><Label """ +
        """value="Red"/><Label value="Grass" predicted_values="green"/><Label value="blue" """ +
        """background="#00f"/></BrushLabels></View>""";
    private const string Polygon =
        """<View><PolygonLabels name="shape" toName="img"><Label value="red"/><Label value="green"/><Label """ +
        """value="blue"/></PolygonLabels><Image name="img" value="$image"/></View>""";

    [Theory]
    [InlineData("/label-studio")]
    [InlineData("/label-studio/models/tiny")]
    public async Task HealthSetupWebhook_AsSent_Answer(string prefix)
    {
        await using SegmentationServer server = await SegmentationServer.StartAsync();

        JsonElement health = await server.Client.GetFromJsonAsync<JsonElement>(prefix + "/health");
        using HttpResponseMessage setup = await server.Client.PostAsync(prefix + "/setup", Json(
            $$"""{"project": "1.1700000000", "schema": """ +
            $$"""{{JsonSerializer.Serialize(Brush)}}, "hostname": "http://localhost:8080", "access_token": "token"}"""));
        using HttpResponseMessage webhook = await server.Client.PostAsync(
            prefix + "/webhook", Json("""{"action": "ANNOTATION_CREATED"}"""));

        Assert.Equal("UP", health.GetProperty("status").GetString());
        Assert.Equal("tiny:1", (await setup.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("model_version").GetString());
        Assert.Equal(HttpStatusCode.Created, webhook.StatusCode);
    }

    [Fact]
    public async Task Predict_BrushLabels_AreTheMask()
    {
        await using ImageHost studio = await ImageHost.StartAsync(http => http.Response.Body.WriteAsync(Photo.Png).AsTask());
        await using SegmentationServer server = await SegmentationServer.StartAsync(
            ("LabelStudio:Url", studio.Address.ToString()), ("LabelStudio:AccessToken", "secret"));

        JsonElement results = await PredictAsync(
            server, Brush, "/data/upload/1/a.png", new Uri(studio.Address, "/data/upload/1/b.png").ToString());

        Assert.Equal(2, results.GetArrayLength());
        foreach (JsonElement prediction in results.EnumerateArray())
        {
            byte[] labels = new byte[Photo.Labels.Length];
            Assert.Equal("tiny:1", prediction.GetProperty("model_version").GetString());
            Assert.InRange(prediction.GetProperty("score").GetDouble(), 0.33, 1);
            JsonElement[] items = [.. prediction.GetProperty("result").EnumerateArray()];
            Assert.Equal(["Red", "Grass", "blue"], items.Select(i => i.GetProperty("value").GetProperty("brushlabels")[0].GetString()));
            foreach ((JsonElement item, byte label) in items.Select((item, i) => (item, (byte)i)))
            {
                Assert.Equal(
                    ("tag", "img", "brushlabels"),
                    (
                        item.GetProperty("from_name").GetString(), item.GetProperty("to_name").GetString(),
                        item.GetProperty("type").GetString()));
                Assert.Equal(
                    (Photo.Width, Photo.Height, 0),
                    (
                        item.GetProperty("original_width").GetInt32(), item.GetProperty("original_height").GetInt32(),
                        item.GetProperty("image_rotation").GetInt32()));
                Assert.Equal("rle", item.GetProperty("value").GetProperty("format").GetString());
                byte[] rgba = BrushRleTests.Decode(
                    [.. item.GetProperty("value").GetProperty("rle").EnumerateArray().Select(v => v.GetByte())]);
                Assert.Equal(Photo.Labels.SelectMany(l => Enumerable.Repeat(l == label ? (byte)255 : (byte)0, 4)), rgba);
                labels = [.. labels.Select((l, i) => rgba[4 * i] == 255 ? label : l)];
            }

            Assert.Equal(Photo.Labels, labels);
        }

        Assert.Equal(["Token secret", "Token secret"], studio.Authorizations);
    }

    [Fact]
    public async Task Predict_OneOfSeveralTasksFails_TheOthersHaveTheirMasks()
    {
        await using ImageHost studio = await ImageHost.StartAsync(http =>
            http.Response.Body.WriteAsync(http.Request.Path.Value == "/data/damaged.png" ? Photo.Png[..^30] : Photo.Png)
                .AsTask());
        await using SegmentationServer server = await SegmentationServer.StartAsync(("LabelStudio:Url", studio.Address.ToString()));
        using Measurements measured = new(server);

        JsonElement[] results =
        [
            .. (await PredictAsync(
                server, Brush, "/data/damaged.png", "/data/a.png", "http://elsewhere.example/b.png", "/data/c.png")).EnumerateArray()
        ];

        Assert.Equal([0, 3, 0, 3], results.Select(r => r.GetProperty("result").GetArrayLength()));
        Assert.NotEqual("", results[0].GetProperty("error").GetString());
        Assert.Contains("elsewhere.example", results[2].GetProperty("error").GetString(), StringComparison.Ordinal);
        await measured.UntilAsync("seg_requests_total{code=200,model=tiny,route=/label-studio/predict,version=1}", 2);
        await measured.UntilAsync("seg_requests_total{code=422,model=tiny,route=/label-studio/predict,version=1}", 1);
        await measured.UntilAsync("seg_in_flight{model=tiny}", 0);
        Assert.Equal(0, server.InFlight.Requests);
    }

    [Fact]
    public async Task Predict_KeyWithAQuota_PaysForEachTask()
    {
        await using ImageHost studio = await ImageHost.StartAsync(http => http.Response.Body.WriteAsync(Photo.Png).AsTask());
        await using SegmentationServer server = await SegmentationServer.StartAsync(
            ("LabelStudio:Url", studio.Address.ToString()),
            ("Security:Keys:studio:Hash", "sha256:" + Convert.ToHexStringLower(SHA256.HashData("secret"u8))),
            ("Security:Keys:studio:RequestsPerDay", "2"));
        // As Label Studio logs in.
        server.Client.DefaultRequestHeaders.Authorization = new("Basic", Convert.ToBase64String("anybody:secret"u8));

        JsonElement results = await PredictAsync(server, Brush, "/data/a.png", "/data/b.png", "/data/c.png");

        Assert.Equal([3, 3, 0], results.EnumerateArray().Select(r => r.GetProperty("result").GetArrayLength()));
        Assert.Contains("2 requests a day", results[2].GetProperty("error").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Predict_PolygonLabels_AreInPercent()
    {
        await using ImageHost studio = await ImageHost.StartAsync(http => http.Response.Body.WriteAsync(Photo.Png).AsTask());
        await using SegmentationServer server = await SegmentationServer.StartAsync(("LabelStudio:Url", studio.Address.ToString()));

        JsonElement red = (await PredictAsync(server, Polygon, "/data/a.png"))[0].GetProperty("result")[0];

        Assert.Equal("polygonlabels", red.GetProperty("type").GetString());
        Assert.Equal("red", red.GetProperty("value").GetProperty("polygonlabels")[0].GetString());
        HashSet<(double, double)> points =
        [
            .. red.GetProperty("value")
                .GetProperty("points")
                .EnumerateArray()
                .Select(p => (p[0].GetDouble(), p[1].GetDouble()))
        ];
        Assert.Superset(new HashSet<(double, double)> { (0, 0), (100, 0), (100, 50), (0, 50) }, points);
    }

    [Fact]
    public async Task Predict_ImageOfAnotherHost_IsRefused()
    {
        await using ImageHost other = await ImageHost.StartAsync(http => http.Response.Body.WriteAsync(Photo.Png).AsTask());
        await using ImageHost studio = await ImageHost.StartAsync(http =>
        {
            http.Response.Redirect(other.Address.ToString());
            return Task.CompletedTask;
        });
        await using SegmentationServer server = await SegmentationServer.StartAsync(
            ("LabelStudio:Url", studio.Address.ToString()), ("LabelStudio:AccessToken", "secret"));

        foreach (string image in (string[])[other.Address.ToString(), "/data/redirects", "http://169.254.169.254/latest/meta-data/"])
        {
            using HttpResponseMessage response = await server.Client.PostAsync("/label-studio/predict", Body(Brush, [image]));
            await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, response);
        }

        Assert.Empty(other.Authorizations);
    }

    [Theory]
    [InlineData("/http://")]
    [InlineData("http://")]
    [InlineData(@"\ud800")] // half of a character
    [InlineData("//")]
    public async Task Predict_ImageThatIsNoUrl_IsTheCallersFault(string image)
    {
        await using ImageHost studio = await ImageHost.StartAsync(http =>
        {
            http.Response.StatusCode = 404;
            return Task.CompletedTask;
        });
        await using SegmentationServer server = await SegmentationServer.StartAsync(("LabelStudio:Url", studio.Address.ToString()));

        using HttpResponseMessage response = await server.Client.PostAsync("/label-studio/predict", Json(
            $$$"""{"tasks": [{"data": {"image": "{{{image}}}"}}], "label_config": {{{JsonSerializer.Serialize(Brush)}}}}"""));

        Assert.InRange((int)response.StatusCode, 400, 499);
    }

    [Fact]
    public async Task Fetch_LabelStudiosHost_IsForTasksOnly()
    {
        await using ImageHost studio = await ImageHost.StartAsync(http => http.Response.Body.WriteAsync(Photo.Png).AsTask());
        await using SegmentationServer server = await SegmentationServer.StartAsync(
            ("LabelStudio:Url", studio.Address.ToString()), ("Fetch:Hosts:0", "example.org"));

        using HttpResponseMessage response = await server.Client.PostAsync("/v1/segment", Json($$"""{"url": "{{studio.Address}}"}"""));

        Assert.Contains("Fetch:Hosts", await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, response), StringComparison.Ordinal);
        Assert.Empty(studio.Authorizations);
    }

    [Theory]
    [InlineData("<a>", 65, "</a>", "inside each other")]
    [InlineData("<View>", 149_000, "", "inside each other")]
    [InlineData("<a/>", 100_001, "", "100,000 elements")]
    [InlineData("<!---->", 100_001, "", "100,000 elements")]
    public async Task Predict_ConfigurationOfManyParts_IsRefused(string part, int count, string end, string reason)
    {
        await using SegmentationServer server = await SegmentationServer.StartAsync();
        string config = $"<View>{string.Concat(Enumerable.Repeat(part, count))}{string.Concat(Enumerable.Repeat(end, count))}</View>";
        using HttpResponseMessage response = await server.Client.PostAsync("/label-studio/predict", Body(config, ["/a.png"]));

        Assert.Contains(reason, await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, response), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("<View/>", "expected BrushLabels")]
    [InlineData("<View>", "label_config")]
    [InlineData("<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><View>&b;</View>", "DTD")]
    [InlineData("<View><BrushLabels name='tag' toName='img'/></View>", "an element named 'img'")]
    [InlineData("<View><BrushLabels name='tag' toName='img'/><Image name='img' value='$other'/></View>", "data.other")]
    public async Task Predict_ConfigurationThatDoesNotFit_IsExplained(string config, string reason)
    {
        await using SegmentationServer server = await SegmentationServer.StartAsync();
        using HttpResponseMessage response = await server.Client.PostAsync("/label-studio/predict", Body(config, ["/data/a.png"]));

        Assert.Contains(reason, await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, response), StringComparison.Ordinal);
    }

    internal static async Task<JsonElement> PredictAsync(SegmentationServer server, string config, params string[] images)
    {
        using HttpResponseMessage response = await server.Client.PostAsync("/label-studio/predict", Body(config, images));
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());
        return (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("results");
    }

    internal static StringContent Body(string config, string[] images)
    {
        IEnumerable<string> tasks = images.Select((image, i) =>
            $$$"""{"id": {{{i + 1}}}, "data": {"image": {{{JsonSerializer.Serialize(image)}}}}, "meta": """ +
            $$$"""{}, "annotations": [], "predictions": []}""");
        return Json($$"""
            {"tasks": [{{string.Join(", ", tasks)}}], "model_version": "tiny:1", "project": "1.1700000000",
             "label_config": {{JsonSerializer.Serialize(config)}},
             "params": {"login": null, "password": null, "context": null} }
            """);
    }

    private static StringContent Json(string json) => new(json, Encoding.UTF8, "application/json");
}
