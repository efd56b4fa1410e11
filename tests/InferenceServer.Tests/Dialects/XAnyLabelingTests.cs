using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using InferenceServer.Dialects.XAnyLabeling;
using InferenceServer.Kernels.Outlines;
using InferenceServer.Runtime.Models;
using InferenceServer.Tests.OpenInference.Grpc;
using Microsoft.Extensions.DependencyInjection;

namespace InferenceServer.Tests.Dialects;

/// <summary>Requests as X-AnyLabeling's <c>remote_server.py</c> sends them.</summary>
public sealed class XAnyLabelingTests
{
    private const string Models = "/x-anylabeling/v1/models", Predict = "/x-anylabeling/v1/predict";
    private static readonly string[] Names = ["red", "green", "blue"];

    private const int Side = 96;

    // Rings in one another, a spot in their middle, and another spot in a corner.
    private static readonly byte[] Rings = Photo.Of(Side, Side, (x, y) => Math.Max(Math.Abs(x - 47.5), Math.Abs(y - 47.5)) switch
    {
        < 8 => 2,
        < 16 => 1,
        < 32 => 0,
        < 40 => 1,
        _ => (byte)(x >= 88 && y < 8 ? 2 : 0),
    });

    [Fact]
    public async Task Models_Ready_HaveClassesAndWidgets()
    {
        await using SegmentationServer server = await SegmentationServer.StartAsync();

        JsonElement answer = await server.Client.GetFromJsonAsync<JsonElement>(Models);

        Assert.True(answer.GetProperty("success").GetBoolean());
        JsonElement data = answer.GetProperty("data"), tiny = data.GetProperty("tiny");
        Assert.False(data.TryGetProperty("tiny-nan", out _)); // not ready
        Assert.Equal("tiny", tiny.GetProperty("display_name").GetString());
        Assert.Equal(Names, tiny.GetProperty("classes").EnumerateArray().Select(c => c.GetString()));
        Dictionary<string, string> widgets = tiny.GetProperty("widgets").EnumerateArray()
            .ToDictionary(w => w.GetProperty("name").GetString()!, w => w.GetProperty("value").GetRawText());
        Assert.Equal(
            ("null", "0", "1", "false"),
            (
                widgets["button_run"], widgets["edit_conf"], widgets["mask_fineness_slider"],
                widgets["toggle_preserve_existing_annotations"]));
    }

    [Theory]
    [InlineData("")]
    [InlineData("data:image/png;base64,")]
    public async Task Predict_WithoutTolerance_FillsTheMaskOfSegmentPixelByPixel(string prefix)
    {
        await using SegmentationServer server = await SegmentationServer.StartAsync();
        foreach ((byte[] image, int width, int height) in ((byte[], int, int)[])[
            (Photo.Png, Photo.Width, Photo.Height), (Photo.Noise(jpeg: false), Photo.Width, Photo.Height), (Rings, Side, Side)
        ])
        {
            byte[] expected = await BytesAsync(server, "raw", image);
            JsonElement polygons = JsonDocument.Parse(await BytesAsync(server, "polygons", image)).RootElement;
            byte[] mask = [.. Enumerable.Repeat((byte)255, width * height)];

            JsonElement[] shapes = await ShapesAsync(
                server, "tiny", prefix + Convert.ToBase64String(image), new { epsilon_factor = 0.0001 });

            Assert.Equal(
                polygons.GetProperty("classes").EnumerateArray().Sum(of => of.GetProperty("polygons").GetArrayLength()), shapes.Length);
            foreach (JsonElement shape in shapes)
            {
                Assert.Equal("polygon", shape.GetProperty("shape_type").GetString());
                Fill(mask, width, shape, (byte)Array.IndexOf(Names, shape.GetProperty("label").GetString()));
            }

            Assert.Equal(expected, mask);
        }
    }

    [Fact]
    public async Task Predict_RingsInOneAnother_AreOneRingEach()
    {
        await using SegmentationServer server = await SegmentationServer.StartAsync();
        JsonElement polygons = JsonDocument.Parse(await BytesAsync(server, "polygons", Rings)).RootElement;
        int holes = polygons.GetProperty("classes").EnumerateArray()
            .SelectMany(of => of.GetProperty("polygons").EnumerateArray()).Sum(part => part.GetArrayLength() - 1);

        JsonElement[] shapes = await ShapesAsync(server, "tiny", Convert.ToBase64String(Rings), new { });

        Assert.Equal(4, holes);
        Assert.Equal(["red", "red", "green", "green", "blue", "blue"], shapes.Select(s => s.GetProperty("label").GetString()));
    }

    [Theory]
    [InlineData(0.005)]
    [InlineData(0.05)]
    public async Task Predict_EpsilonFactor_IsAShareOfTheLongerSide(double epsilon)
    {
        await using SegmentationServer server = await SegmentationServer.StartAsync();
        byte[] image = Photo.Of(640, 400, (x, y) => (byte)((((x - 300) * (x - 300)) + ((y - 200) * (y - 200))) < 150 * 150 ? 1 : 0));
        string tolerance = (epsilon * 640).ToString(CultureInfo.InvariantCulture);
        JsonElement polygons = JsonDocument.Parse(await BytesAsync(server, "polygons&tolerance=" + tolerance, image)).RootElement;
        JsonElement circle = polygons.GetProperty("classes").EnumerateArray()
            .Single(of => of.GetProperty("name").GetString() == "green").GetProperty("polygons")[0][0];

        JsonElement[] shapes = await ShapesAsync(server, "tiny", Convert.ToBase64String(image), new { epsilon_factor = epsilon });
        JsonElement[] exact = await ShapesAsync(server, "tiny", Convert.ToBase64String(image), new { epsilon_factor = 0 });

        JsonElement green = shapes.Single(s => s.GetProperty("label").GetString() == "green").GetProperty("points");
        Assert.Equal(circle.GetRawText(), green.GetRawText());
        JsonElement all = exact.Single(s => s.GetProperty("label").GetString() == "green").GetProperty("points");
        Assert.True(green.GetArrayLength() * 4 < all.GetArrayLength());
    }

    [Fact]
    public async Task Predict_Score_IsTheMeanConfidenceOfThePart()
    {
        await using SegmentationServer server = await SegmentationServer.StartAsync();
        byte[] confidence = PngImage.Read(await BytesAsync(server, "confidence", Photo.Png)).Samples;
        double[] scores =
        [
            .. Enumerable.Range(0, Names.Length)
                .Select(label => confidence.Where((_, i) => Photo.Labels[i] == label).Average(c => c / 255.0)),
        ];
        string image = Convert.ToBase64String(Photo.Png);

        JsonElement[] shapes = await ShapesAsync(
            server, "tiny", image, new { conf_threshold = 0, iou_threshold = 0.9, text_prompt = "", marks = Array.Empty<int>() });
        double between = (scores.Min() + scores.Max()) / 2;
        JsonElement[] sure = await ShapesAsync(server, "tiny", image, new { conf_threshold = between });
        JsonElement[] labels = await ShapesAsync(server, "tiny-labels", image, new { conf_threshold = 0.99 });

        Assert.Equal(scores.Select(s => Math.Round(s, 6)), shapes.Select(s => Math.Round(s.GetProperty("score").GetDouble(), 6)));
        Assert.Equal(
            Names.Where((_, index) => scores[index] >= between), sure.Select(s => s.GetProperty("label").GetString()));
        Assert.NotEmpty(labels);
        Assert.All(labels, shape => Assert.False(shape.TryGetProperty("score", out _))); // a graph of labels has none
    }

    [Fact]
    public async Task Predict_FilterClasses_SelectsAndKnowsTheModelsClasses()
    {
        await using SegmentationServer server = await SegmentationServer.StartAsync();
        string image = Convert.ToBase64String(Photo.Png);

        JsonElement[] two = await ShapesAsync(server, "tiny", image, new { filter_classes = (string[])["blue", "red"] });
        JsonElement[] all = await ShapesAsync(server, "tiny", image, new { filter_classes = Array.Empty<string>() });
        string unknown = await RefusedAsync(
            server, HttpStatusCode.BadRequest, Body("tiny", image, new { filter_classes = (string[])["cat"] }));

        Assert.Equal(["red", "blue"], two.Select(s => s.GetProperty("label").GetString()));
        Assert.Equal(Names, all.Select(s => s.GetProperty("label").GetString()));
        Assert.Contains("red, green, blue", unknown, StringComparison.Ordinal);
        Assert.Contains("'cat'", unknown, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"model": "tiny", "params": {}}""", "'image'", HttpStatusCode.BadRequest)]
    [InlineData("""{"model": "absent", "image": "AAAA"}""", "'absent'", HttpStatusCode.NotFound)]
    [InlineData("""{"image": "AAAA"}""", "'model'", HttpStatusCode.BadRequest)]
    [InlineData("""{"model": 7, "image": "AAAA"}""", "'model'", HttpStatusCode.BadRequest)]
    [InlineData("""{"params": {"model": "tiny"}, "image": "AAAA"}""", "'model'", HttpStatusCode.BadRequest)]
    [InlineData("""{"model": "tiny", "image": "!"}""", "base64", HttpStatusCode.BadRequest)]
    [InlineData("""{"model": "tiny", "image": "AAAA", "params": {"epsilon_factor": 2}}""", "0 to 1", HttpStatusCode.BadRequest)]
    [InlineData("""{"model": "tiny", "image": "AAAA", "params": {"conf_threshold": "x"}}""", "conf_threshold", HttpStatusCode.BadRequest)]
    [InlineData("""{"model": "tiny", "image": "AAAA", "params": {"filter_classes": "red"}}""", "filter_classes", HttpStatusCode.BadRequest)]
    [InlineData("""{"model": "tiny", "image": "AAAA", "params": {"filter_classes": [1]}}""", "filter_classes", HttpStatusCode.BadRequest)]
    [InlineData("""{"model": "tiny", "image": "AAAA", "params": {"text_prompt": "cat"}}""", "prompts", HttpStatusCode.BadRequest)]
    [InlineData("""{"model": "tiny", "image": "AAAA", "params": {"marks": [{}]}}""", "prompts", HttpStatusCode.BadRequest)]
    [InlineData("""["model", "tiny"]""", "'model'", HttpStatusCode.BadRequest)]
    [InlineData("""{"model" "tiny"}""", "body", HttpStatusCode.BadRequest)]
    [InlineData("", "body", HttpStatusCode.BadRequest)]
    [InlineData("""{"model": "tiny", "image": "AAAA"}""", "image", HttpStatusCode.UnsupportedMediaType)]
    public async Task Predict_WrongBody_IsExplained(string body, string words, HttpStatusCode status)
    {
        await using SegmentationServer server = await SegmentationServer.StartAsync();

        Assert.Contains(words, await RefusedAsync(server, status, body), StringComparison.Ordinal);
        Assert.Equal((0, 0), (server.InFlight.Requests, server.InFlight.Readers));
    }

    [Fact]
    public async Task Predict_ModelAfterALongImage_IsRefusedAsLongAsItIsNotAtTheStart()
    {
        await using SegmentationServer server = await SegmentationServer.StartAsync();
        string image = Convert.ToBase64String(Photo.Png), filler = new('a', 5000);

        string sentence = await RefusedAsync(
            server, HttpStatusCode.BadRequest, $$"""{"image": "{{filler}}", "model": "tiny"}""");
        using HttpResponseMessage after = await PostAsync(server, $$"""{"image": "{{image}}", "model": "tiny"}""");

        Assert.Contains("4,096", sentence, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, after.StatusCode); // a short one
    }

    [Fact]
    public async Task Predict_ServerFull_IsRefusedBeforeTheImageIsRead()
    {
        await using SegmentationServer server = await SegmentationServer.StartAsync(("Scheduling:MaxRequests", "1"));
        using GatedSession gate = new(server.Services.GetRequiredService<ModelRepository>().Entry("tiny").Model!);
        Task<HttpResponseMessage> first = PostAsync(server, Body("tiny", Convert.ToBase64String(Photo.Png), new { }));
        await Eventually.TrueAsync(() => server.InFlight.Requests == 1);
        using HttpRequestMessage request = new(HttpMethod.Post, Predict)
        {
            // HTTP/1 clients read an answer only after their body.
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new OpenBody("{\"model\": \"tiny\", \"image\": \""u8.ToArray()),
        };
        request.Content.Headers.ContentType = new("application/json");

        using HttpClient client = new() { BaseAddress = server.Client.BaseAddress };
        using HttpResponseMessage refused = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);

        await ProblemAssert.IsAsync(HttpStatusCode.TooManyRequests, refused);
        gate.Open();
        using HttpResponseMessage served = await first;
        Assert.Equal(HttpStatusCode.OK, served.StatusCode);
    }

    [Fact]
    public async Task Token_IsTheKeyOfTheseRoutesAlone()
    {
        await using SegmentationServer server = await SegmentationServer.StartAsync(
            ("Security:Keys:lab:Hash", "sha256:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes("lab")))));

        Assert.Equal(HttpStatusCode.OK, await StatusAsync(server, Models, "lab"));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(server, Models, "wrong"));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(server, Models, ""));
        using HttpResponseMessage none = await server.Client.GetAsync(new Uri(Models, UriKind.Relative));
        Assert.Equal(
            "Send a key as 'Authorization: Bearer KEY' or as 'X-API-Key: KEY' or as 'Token: KEY'.",
            await ProblemAssert.IsAsync(HttpStatusCode.Unauthorized, none));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(server, "/v1/models", "lab"));
        await using SegmentationServer open = await SegmentationServer.StartAsync();
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(open, Models, ""));
    }

    [Fact]
    public void OneRing_NoHole_IsTheOutlineItself()
    {
        GridPoint[] outline = [new(0, 0), new(4, 0), new(4, 4), new(0, 4)], hole = [new(1, 1), new(1, 3), new(3, 3), new(3, 1)];

        Assert.Equal(outline, HoleCuts.OneRing(new LabelPolygon(0, [outline])));
        Assert.Equal(
            [new(0, 0), .. hole, new(1, 1), .. outline], // from the nearest corner, and back
            HoleCuts.OneRing(new LabelPolygon(0, [outline, hole])));
    }

    // By the even-odd rule, at the centres of pixels.
    private static void Fill(byte[] mask, int width, JsonElement shape, byte label)
    {
        (double X, double Y)[] points = [.. shape.GetProperty("points").EnumerateArray().Select(p => (p[0].GetDouble(), p[1].GetDouble()))];
        for (int y = 0; y < mask.Length / width; y++)
        {
            double centre = y + 0.5;
            List<double> crossings = [];
            for (int i = 0; i < points.Length; i++)
            {
                ((double X, double Y) a, (double X, double Y) b) = (points[i], points[(i + 1) % points.Length]);
                (a, b) = a.CompareTo(b) < 0 ? (a, b) : (b, a); // there and back, a cut is the same line
                if ((a.Y <= centre) != (b.Y <= centre))
                {
                    crossings.Add(a.X + ((centre - a.Y) / (b.Y - a.Y) * (b.X - a.X)));
                }
            }

            for (int x = 0; x < width; x++)
            {
                if (crossings.Count(c => c <= x + 0.5) % 2 == 1)
                {
                    Assert.Equal(255, mask[(y * width) + x]); // no two shapes have the same pixel
                    mask[(y * width) + x] = label;
                }
            }
        }
    }

    private static async Task<HttpStatusCode> StatusAsync(SegmentationServer server, string path, string token)
    {
        using HttpRequestMessage request = new(HttpMethod.Get, path);
        request.Headers.TryAddWithoutValidation("Token", token);
        using HttpResponseMessage response = await server.Client.SendAsync(request);
        return response.StatusCode;
    }

    private static async Task<byte[]> BytesAsync(SegmentationServer server, string format, byte[] image)
    {
        using HttpResponseMessage response = await server.Client.PostAsync($"/v1/segment/tiny?format={format}", Photo.Content(image));
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return await response.Content.ReadAsByteArrayAsync();
    }

    private static async Task<JsonElement[]> ShapesAsync(SegmentationServer server, string model, string image, object parameters)
    {
        using HttpResponseMessage response = await PostAsync(server, Body(model, image, parameters));
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());
        JsonElement answer = await response.Content.ReadFromJsonAsync<JsonElement>();
        Assert.True(answer.GetProperty("success").GetBoolean());
        Assert.Equal("", answer.GetProperty("data").GetProperty("description").GetString());
        return [.. answer.GetProperty("data").GetProperty("shapes").EnumerateArray()];
    }

    private static async Task<string> RefusedAsync(SegmentationServer server, HttpStatusCode status, string body)
    {
        using HttpResponseMessage response = await PostAsync(server, body);
        return await ProblemAssert.IsAsync(status, response);
    }

    private static Task<HttpResponseMessage> PostAsync(SegmentationServer server, string body) =>
        server.Client.PostAsync(Predict, new StringContent(body, Encoding.UTF8, "application/json"));

    private static string Body(string model, string image, object parameters) =>
        JsonSerializer.Serialize(new { model, image, @params = parameters });
}
