using System.IO.Compression;
using System.Net;
using System.Net.Http.Json;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace InferenceServer.Tests.Segment;

/// <summary>Models whose classes overlap, compared with the masks that NumPy computed.</summary>
public sealed class MultilabelTests(LabelModelsTests.Server server) : IClassFixture<LabelModelsTests.Server>
{
    private const int Width = 96;
    private const int Height = 64;
    private const int Pixels = Width * Height;
    private const string Probabilities = "multilabel";
    private const string OtherName = "multilabel-logits"; // a threshold for each class; `none` is another name
    private const string Rest = "multilabel-rest";        // `none` is one of the classes
    private const string One = "multilabel-one";

    public static TheoryData<string> Models => [Probabilities, OtherName, Rest, One];

    [Theory, MemberData(nameof(Models))]
    public async Task Png_Model_IsTheMostProbableOfTheClaims(string model)
    {
        PngImage mask = PngImage.Read(await GetAsync(model, "png"));

        Assert.Equal(PngImage.Indexed, mask.ColorType);
        Assert.Equal(Truth(model), mask.Samples);
        Assert.Equal(Truth(model), await GetAsync(model, "raw"));
    }

    [Theory, MemberData(nameof(Models))]
    public async Task Npy_Model_HasThePixelsOfEachClass(string model)
    {
        byte[] file = await GetAsync(model, "npy");

        byte[] claims = Claims(model);
        string header = System.Text.Encoding.ASCII.GetString(file, 10, file.Length - 10 - claims.Length);
        Assert.Contains($"({claims.Length / Pixels}, 64, 96)", header, StringComparison.Ordinal);
        Assert.Contains("'|u1'", header, StringComparison.Ordinal);
        Assert.Equal(claims, file[^claims.Length..]);
    }

    [Theory]
    [InlineData(Probabilities, "flip=true")]
    [InlineData(OtherName, "flip=true")]
    [InlineData(OtherName, "flip=true&fuse=max_logits")]
    [InlineData(OtherName, "mode=slide&crop=32&resize=none")]
    [InlineData(Rest, "mode=slide&crop=32&resize=none&flip=true")]
    [InlineData(One, "flip=true")]
    public async Task Npy_SeveralPasses_IsTheMaskOfOne(string model, string passes)
    {
        byte[] claims = Claims(model);

        Assert.Equal(claims, (await GetAsync(model, "npy&" + passes))[^claims.Length..]);
        Assert.Equal(Truth(model), await GetAsync(model, "raw&" + passes));
    }

    [Theory]
    [InlineData(Probabilities, "red green blue")]
    [InlineData(OtherName, "red green blue nothing")]
    [InlineData(Rest, "red green blue")]
    [InlineData(One, "red")]
    public async Task Json_Model_CountsEachClass(string model, string names)
    {
        JsonElement[] classes = [.. Json(await GetAsync(model, "json")).GetProperty("classes").EnumerateArray()];

        Assert.Equal(names, string.Join(' ', classes.Select(c => c.GetProperty("name").GetString())));
        Assert.Equal(Expected(model), classes.Select(c => (c.GetProperty("index").GetInt32(), c.GetProperty("pixels").GetInt32())));
    }

    [Theory, MemberData(nameof(Models))]
    public async Task Masks_Model_OverlapAsTheClassesDo(string model)
    {
        using ZipArchive zip = new(new MemoryStream(await GetAsync(model, "masks")));

        byte[] claims = Claims(model);
        foreach ((int index, _) in Expected(model).Where(e => e.Index < 255))
        {
            using MemoryStream png = new();
            await zip.Entries.Single(e => e.Name.StartsWith($"{index:D3}-", StringComparison.Ordinal)).Open().CopyToAsync(png);
            Assert.Equal(claims.Skip(index * Pixels).Take(Pixels).Select(c => (byte)(c * 255)), PngImage.Read(png.ToArray()).Samples);
        }

        Assert.Equal(Expected(model).Count + 1, zip.Entries.Count);
    }

    [Theory, MemberData(nameof(Models))]
    public async Task CocoRle_Model_HasTheAreaOfEachClass(string model)
    {
        JsonElement coco = Json(await GetAsync(model, "coco-rle&counts=uncompressed"));

        Assert.Equal(Expected(model), coco.GetProperty("annotations").EnumerateArray().Select(a => (
            a.GetProperty("category_id").GetInt32(),
            a.GetProperty("segmentation").GetProperty("counts").EnumerateArray().Where((_, i) => i % 2 == 1).Sum(c => c.GetInt32()))));
    }

    [Theory]
    [InlineData("polygons", "classes", "index")]
    [InlineData("geojson", "features", "id")]
    public async Task Outlines_OverlappingClasses_HaveTheAreaOfEach(string format, string list, string index)
    {
        JsonElement answer = Json(await GetAsync(OtherName, format));

        Assert.Equal(
            Expected(OtherName),
            answer.GetProperty(list).EnumerateArray().Select(c => (c.GetProperty(index).GetInt32(), Area(c))));
    }

    [Theory]
    [InlineData(Probabilities)]
    [InlineData(OtherName)]
    public async Task NpyProbabilities_Model_AreIndependent(string model)
    {
        byte[] file = await GetAsync(model, "npy-probabilities");

        float[] probabilities = MemoryMarshal.Cast<byte, float>(file.AsSpan(file.Length - (3 * Pixels * sizeof(float)))).ToArray();
        float[] thresholds = model == OtherName ? [0.3f, 0.5f, 0.8f] : [0.5f, 0.5f, 0.5f];
        Assert.Equal(Claims(model), probabilities.Select((p, i) => (byte)(p > thresholds[i / Pixels] ? 1 : 0)));
        Assert.All(probabilities, p => Assert.InRange(p, 0, 1));
    }

    [Fact]
    public async Task Confidence_Model_IsThatOfTheLabel()
    {
        PngImage confidence = PngImage.Read(await GetAsync(Probabilities, "confidence"));

        Assert.All(confidence.Samples, c => Assert.InRange(c, 127, 255)); // with thresholds of one half
    }

    [Fact]
    public async Task HuggingFace_OverlappingClasses_HaveAMaskAndAScoreEach()
    {
        using HttpResponseMessage response = await server.Client.PostAsync($"/huggingface/{Probabilities}", Photo.Content(Image));

        JsonElement[] segments = [.. (await response.Content.ReadFromJsonAsync<JsonElement>()).EnumerateArray()];
        byte[] claims = Claims(Probabilities);
        Assert.Equal(["red", "green", "blue"], segments.Select(s => s.GetProperty("label").GetString()));
        Assert.All(segments, (segment, i) =>
        {
            PngImage mask = PngImage.Read(segment.GetProperty("mask").GetBytesFromBase64());
            Assert.Equal(claims.Skip(i * Pixels).Take(Pixels).Select(c => (byte)(c * 255)), mask.Samples);
            Assert.InRange(segment.GetProperty("score").GetDouble(), 0.5, 1);
        });
    }

    [Fact]
    public async Task Cvat_OverlappingClasses_HaveAMaskEach()
    {
        using HttpRequestMessage request = new(HttpMethod.Post, "/api/function_invocations")
        {
            Content = JsonContent.Create(new { image = Convert.ToBase64String(Image) }),
        };
        request.Headers.Add("x-nuclio-function-name", OtherName);
        using HttpResponseMessage response = await server.Client.SendAsync(request);

        JsonElement[] masks = [.. (await response.Content.ReadFromJsonAsync<JsonElement>()).EnumerateArray()];
        Assert.Equal(["red", "green", "blue"], masks.Select(m => m.GetProperty("label").GetString()));
        Assert.Equal(
            Expected(OtherName).Take(3).Select(e => e.Pixels),
            masks.Select(m => m.GetProperty("mask").EnumerateArray().SkipLast(4).Sum(p => p.GetInt32())));
    }

    [Fact]
    public async Task Refine_OverlappingClasses_IsRefused()
    {
        using HttpResponseMessage response = await PostAsync(Probabilities, "png&refine=crf");

        Assert.Contains("overlap", await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, response), StringComparison.Ordinal);
    }

    private static byte[] Image => File.ReadAllBytes(Path.Combine(LabelModelsTests.Server.Folder, "photo.png"));

    private static byte[] Truth(string model)
    {
        byte[] file = File.ReadAllBytes(Path.Combine(LabelModelsTests.Server.Folder, model, "truth.npy"));
        return [.. file[^(2 * Pixels)..].Where((_, i) => i % 2 == 0)]; // the lower bytes of 16 bits
    }

    private static byte[] Claims(string model) =>
        File.ReadAllBytes(Path.Combine(LabelModelsTests.Server.Folder, model, "claims.npy"))[(model == One ? ^Pixels : ^(3 * Pixels))..];

    private static List<(int Index, int Pixels)> Expected(string model)
    {
        List<(int, int)> classes = [.. Claims(model).Chunk(Pixels).Select((plane, i) => (i, plane.Sum(p => p)))];
        if (model == OtherName)
        {
            classes.Add((255, Truth(model).Count(label => label == 255)));
        }

        return classes;
    }

    // The shoelace formula over all rings; holes count negative.
    private static int Area(JsonElement of)
    {
        JsonElement parts = of.TryGetProperty("polygons", out JsonElement polygons)
            ? polygons
            : of.GetProperty("geometry").GetProperty("coordinates");
        double twice = 0;
        foreach (JsonElement ring in parts.EnumerateArray().SelectMany(part => part.EnumerateArray()))
        {
            (double X, double Y)[] points = [.. ring.EnumerateArray().Select(p => (p[0].GetDouble(), p[1].GetDouble()))];
            for (int i = 0; i < points.Length; i++)
            {
                (double X, double Y) next = points[(i + 1) % points.Length];
                twice += (points[i].X * next.Y) - (next.X * points[i].Y);
            }
        }

        return (int)Math.Abs(twice / 2);
    }

    private static JsonElement Json(byte[] utf8) => JsonSerializer.Deserialize<JsonElement>(utf8);

    private Task<HttpResponseMessage> PostAsync(string model, string format) =>
        server.Client.PostAsync($"/v1/segment/{model}?format={format}", Photo.Content(Image));

    private async Task<byte[]> GetAsync(string model, string format)
    {
        using HttpResponseMessage response = await PostAsync(model, format);
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());
        return await response.Content.ReadAsByteArrayAsync();
    }
}
