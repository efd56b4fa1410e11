using System.Diagnostics;
using System.Net;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using DenseCrf.Tests;
using InferenceServer.Client;
using InferenceServer.Runtime.Npy;
using InferenceServer.Runtime.Refinement;
using InferenceServer.Tests.Telemetry;
using Microsoft.Extensions.DependencyInjection;
using NetVips;

namespace InferenceServer.Tests.Refine;

/// <summary><c>POST /v1/refine</c>: the CRF on what another tool made.</summary>
[Collection(SharedServer.Name)]
public sealed class RefineTests(SegmentationServer server)
{
    private const int Pixels = Photo.Width * Photo.Height;

    // As in the tests of ?refine=crf: a wide smoothness kernel would round the corner where three colours meet.
    private const string Sharp =
        "crf.gaussian.weight=0&crf.bilateral.weight=5&crf.bilateral.xy=8&crf.bilateral.rgb=10&crf.iterations=5";

    public static TheoryData<string> Cases => [.. CrfCase.Names];

    [Theory, MemberData(nameof(Cases))]
    public async Task Refine_EveryVector_MatchesTheReference(string name)
    {
        CrfCase scene = new(name);
        await using SegmentationServer? own = await WithIterationsAsync(scene.Iterations.Max());
        byte[] energies = Npy(scene.Energies, scene.Labels, scene.Height, scene.Width);
        foreach (int iterations in scene.Iterations)
        {
            using MultipartFormDataContent form = Form(
                Png(scene.Rgb, scene.Width), energies, kernels: await File.ReadAllBytesAsync(scene.JsonPath));
            using HttpResponseMessage response = await (own ?? server).Client.PostAsync(
                $"/v1/refine?format=npy-probabilities&energies=true&crf.iterations={iterations}", form);

            float[] marginals = await FloatsAsync(response, scene.Labels, scene.Height, scene.Width);
            CrfAssert.Matches(scene, iterations, marginals);
        }
    }

    [Fact]
    public async Task Refine_CoarseProbabilities_FollowTheColours()
    {
        using HttpResponseMessage response = await PostAsync(Sharp, Photo.Png, Coarse());

        PngImage refined = PngImage.Read(await OkAsync(response));
        Assert.Equal(Photo.Labels, refined.Samples);
        Assert.False(response.Headers.Contains("X-Model"));
        Assert.Equal(("48", "32"), (Header(response, "X-Image-Width"), Header(response, "X-Image-Height")));
        Assert.Contains("crf;dur=", Header(response, "Server-Timing"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Refine_HalfPrecision_GivesTheSameLabels()
    {
        float[] values = MemoryMarshal.Cast<byte, float>(Coarse().AsSpan(^(3 * Pixels * 4)..)).ToArray();
        Half[] halves = [.. values.Select(value => (Half)value)];
        byte[] npy = [.. new NpyHeader("<f2", false, [3, Photo.Height, Photo.Width]).ToBytes(), .. MemoryMarshal.AsBytes(halves.AsSpan())];

        using HttpResponseMessage response = await PostAsync($"{Sharp}&format=raw", Photo.Png, npy);

        Assert.Equal(Photo.Labels, await OkAsync(response));
        Assert.Equal("8", Header(response, "X-Label-Bits"));
    }

    [Fact]
    public async Task Refine_NoIterations_GivesTheProbabilitiesBack()
    {
        using HttpResponseMessage response = await PostAsync("crf.iterations=0&format=npy-probabilities", Photo.Png, Coarse());

        float[] marginals = await FloatsAsync(response, 3, Photo.Height, Photo.Width);
        Assert.Equal(1f, marginals[0] + marginals[Pixels] + marginals[2 * Pixels], 1e-5f);
        Assert.Equal(0.6f, marginals[0], 1e-5f);
    }

    [Fact]
    public async Task Refine_OnePlane_IsTheForeground()
    {
        float[] foreground = [.. Enumerable.Range(0, Pixels).Select(i => (i * 37 % 101) / 100f)];
        byte[] both = Npy([.. foreground.Select(p => 1 - p), .. foreground], 2, Photo.Height, Photo.Width);
        byte[] one = Npy(foreground, 1, Photo.Height, Photo.Width);

        using HttpResponseMessage ofOne = await PostAsync("format=npy-probabilities", Photo.Png, one);
        using HttpResponseMessage ofBoth = await PostAsync("format=npy-probabilities", Photo.Png, both);
        using HttpResponseMessage alphaOfOne = await PostAsync("format=alpha", Photo.Png, one);
        using HttpResponseMessage alphaOfBoth = await PostAsync("format=alpha", Photo.Png, both);

        float[] refined = await FloatsAsync(ofOne, 1, Photo.Height, Photo.Width);
        Assert.Equal((await FloatsAsync(ofBoth, 2, Photo.Height, Photo.Width))[Pixels..], refined);
        Assert.Equal(await OkAsync(alphaOfBoth), await OkAsync(alphaOfOne));
    }

    [Fact]
    public async Task Refine_LabelMap_IsSpreadAsItsConfidenceSays()
    {
        byte[] labels = [.. Photo.Labels];
        labels[0] = 255;
        byte[] map = Grey(labels);

        using HttpResponseMessage response = await PostAsync(
            "crf.iterations=0&label_confidence=0.8&format=npy-probabilities", Photo.Png, map, part: "label_map");

        float[] unary = await FloatsAsync(response, 3, Photo.Height, Photo.Width);
        Assert.Equal((1 / 3f, 1 / 3f), (unary[0], unary[Pixels]));
        Assert.Equal(0.8f, unary[1], 1e-6f);
        Assert.Equal(0.1f, unary[Pixels + 1], 1e-6f);
    }

    [Fact]
    public async Task Refine_NoisyLabelMap_IsCleaned()
    {
        Random random = new(5);
        byte[] noisy = [.. Photo.Labels.Select(label => random.Next(6) == 0 ? (byte)random.Next(3) : label)];

        using HttpResponseMessage response = await PostAsync($"{Sharp}&classes=tiny", Photo.Png, Grey(noisy), part: "label_map");

        Assert.Equal(Photo.Labels, PngImage.Read(await OkAsync(response)).Samples);
    }

    [Fact]
    public async Task Refine_EveryFormatOfMasks_IsAnswered()
    {
        byte[] both = Npy([.. Enumerable.Repeat(0.25f, Pixels), .. Enumerable.Repeat(0.75f, Pixels)], 2, Photo.Height, Photo.Width);
        foreach (Runtime.Formats.MaskFormat format in Runtime.Formats.MaskFormat.All.Where(f => f.Name != "view"))
        {
            using HttpResponseMessage response = await PostAsync(
                $"format={format}&class=1&geotransform=0,1,0,0,0,-1&crf.iterations=1", Photo.Png, both);

            Assert.True((await OkAsync(response)).Length > 0);
            Assert.Equal(format.MediaType.Split(';')[0], response.Content.Headers.ContentType!.MediaType);
        }
    }

    [Theory]
    [InlineData("", "class_1", "#800000")]
    [InlineData("&classes=tiny", "green", null)]
    public async Task Refine_Classes_NameAndColour(string query, string name, string? color)
    {
        using HttpResponseMessage response = await PostAsync($"{Sharp}&format=json{query}", Photo.Png, Coarse());

        JsonElement summary = JsonDocument.Parse(await OkAsync(response)).RootElement;
        JsonElement second = summary.GetProperty("classes")[1];
        Assert.Equal("dense-crf", summary.GetProperty("model").GetString());
        Assert.Equal(name, second.GetProperty("name").GetString());
        Assert.Equal(Pixels / 4, second.GetProperty("pixels").GetInt32());
        Assert.Equal(color ?? second.GetProperty("color").GetString(), second.GetProperty("color").GetString());
    }

    [Theory]
    [InlineData("refine=crf", "Unknown query parameter 'refine'")]
    [InlineData("mode=slide", "Unknown query parameter 'mode'")]
    [InlineData("model=tiny", "Unknown query parameter 'model'")]
    [InlineData("energies=1", "energies: expected true or false, got '1'")]
    [InlineData("label_confidence=2", "label_confidence: expected a number from 0 to 1, got '2'")]
    [InlineData("classes=nothing", "classes: expected voc, cityscapes, camvid, ade20k or the name of a model, got 'nothing'")]
    [InlineData("classes=voc", "classes: expected 3 classes, as the scores have, got 21 of 'voc'")]
    [InlineData("crf.iterations=21", "crf.iterations: expected 0 to 20, got 21")]
    [InlineData("crf.gaussian.weight=0&crf.bilateral.weight=0", "0 for both")]
    [InlineData("format=view", "format: expected a format of masks, got view")]
    [InlineData("format=alpha", "Expected a model of two classes")]
    public async Task Refine_WrongParameter_Is400AndNamed(string query, string detail)
    {
        using HttpResponseMessage response = await PostAsync(query, Photo.Png, Coarse());

        Assert.Contains(detail, await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, response), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(3, 32, 47, "<f4", "probabilities: Expected scores of 48×32 pixels, as the image has, got 47×32")]
    [InlineData(257, 32, 48, "<f4", "with 1 to 256 classes, got (257, 32, 48)")]
    [InlineData(3, 32, 48, "<f8", "Expected little-endian float32 ('<f4') or float16 ('<f2'), got '<f8'")]
    [InlineData(4, 32, 48, "<f4", "The file ends before all values of the shape (4, 32, 48)")]
    [InlineData(3, 0, 48, "<f4", "got (3, 0, 48)")]
    public async Task Refine_WrongArray_SaysWhatToChange(int planes, int height, int width, string type, string detail)
    {
        byte[] npy = [.. new NpyHeader(type, false, [planes, height, width]).ToBytes(), .. new byte[3 * Pixels * 4]];

        using HttpResponseMessage response = await PostAsync("", Photo.Png, npy);

        Assert.Contains(detail, await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, response), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Refine_HugeArray_IsRefusedByItsHeader(bool imageFirst)
    {
        byte[] npy = new NpyHeader("<f4", false, [20, 9_000, 9_000]).ToBytes(); // nothing follows
        using MultipartFormDataContent form = [];
        form.Add(imageFirst ? Photo.Content(Photo.Png) : Photo.Content(npy), imageFirst ? "image" : "probabilities");
        form.Add(imageFirst ? Photo.Content(npy) : Photo.Content(Photo.Png), imageFirst ? "probabilities" : "image");

        using HttpResponseMessage response = await server.Client.PostAsync("/v1/refine", form);

        HttpStatusCode status = imageFirst ? HttpStatusCode.BadRequest : HttpStatusCode.RequestEntityTooLarge;
        string detail = await ProblemAssert.IsAsync(status, response);
        Assert.Contains(imageFirst ? "as the image has" : "Inference:MaxBytes", detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Refine_Logits_AsksForProbabilities()
    {
        byte[] logits = Npy([.. Enumerable.Repeat(-3.5f, 2 * Pixels)], 2, Photo.Height, Photo.Width);

        using HttpResponseMessage response = await PostAsync("", Photo.Png, logits);

        Assert.StartsWith(
            "probabilities: expected numbers from 0 to 1, got -3.5. Apply the softmax first",
            await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, response), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[]", "kernels: expected 1 to 4 kernels, got 0")]
    [InlineData("[3]", "kernels[0]: expected an object")]
    [InlineData("{", "kernels: ")]
    [InlineData(
        """[{"type": "gaussian", "sx": 501, "sy": 3, "compatibility": {"kind": "potts", "weight": 3}}]""",
        "kernels[0].sx: expected 0.1 to 500, got 501")]
    [InlineData(
        """[{"type": "gaussian", "sx": 3, "sy": 3, "compatibility": {"kind": "diagonal", "values": [1, 2, -101]}}]""",
        "kernels[0].compatibility: expected -100 to 100, got -101")]
    [InlineData(
        """[{"type": "gaussian", "sx": 3, "sy": 3, "compatibility": {"kind": "diagonal", "values": [1, 2]}}]""",
        "of 3 labels, got 2")]
    public async Task Refine_WrongKernels_NamesTheKey(string kernels, string detail)
    {
        using HttpResponseMessage response = await PostAsync("", Photo.Png, Coarse(), kernels: Encoding.UTF8.GetBytes(kernels));

        string message = await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, response);
        Assert.Contains(detail, message, StringComparison.Ordinal);
        Assert.DoesNotContain("kernels: kernels", message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Refine_DarkImageOf16Bits_AdvisesNoParameterOfNetworks()
    {
        byte[] dark = new byte[Pixels * sizeof(ushort)];
        dark[0] = 7;
        using Image image = Image.NewFromMemory(dark, Photo.Width, Photo.Height, 1, Enums.BandFormat.Ushort);
        using Image tagged = image.Copy(interpretation: Enums.Interpretation.Grey16);

        using HttpResponseMessage response = await PostAsync("", tagged.TiffsaveBuffer(), Coarse());

        string message = await ProblemAssert.IsAsync(HttpStatusCode.UnprocessableEntity, response);
        Assert.EndsWith(
            "values of 0 to 7, and does not say which values are black and white. Convert it to 8 bits.", message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Refine_KernelsTwice_Is400()
    {
        byte[] kernels = """[{"type": "gaussian", "sx": 3, "sy": 3, "compatibility": {"kind": "potts", "weight": 3}}]"""u8.ToArray();

        using HttpResponseMessage response = await PostAsync("crf.bilateral.rgb=3", Photo.Png, Coarse(), kernels: kernels);

        Assert.Contains(
            "Leave out one of the two", await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, response), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "Expected a part named 'image', got none.")]
    [InlineData("image", "Expected a part named 'probabilities' (.npy) or 'label_map' (PNG), got none.")]
    [InlineData("image image", "Expected one part 'image', got several.")]
    [InlineData("probabilities label_map", "Expected one part 'probabilities' or 'label_map', got several.")]
    [InlineData("image format", "got a part 'format'. Parameters go into the query")]
    public async Task Refine_WrongParts_SaysWhichAreRight(string parts, string detail)
    {
        using MultipartFormDataContent form = [];
        foreach (string part in parts.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            form.Add(Photo.Content(part == "probabilities" ? Coarse() : Photo.Png), part);
        }

        if (parts.Length == 0)
        {
            form.Add(Photo.Content(Coarse()), "probabilities");
        }

        using HttpResponseMessage response = await server.Client.PostAsync("/v1/refine", form);

        Assert.Contains(detail, await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, response), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("image/png", HttpStatusCode.UnsupportedMediaType)]
    [InlineData("multipart/form-data", HttpStatusCode.BadRequest)]
    public async Task Refine_NoForm_SaysWhatIsExpected(string type, HttpStatusCode status)
    {
        using HttpResponseMessage response = await server.Client.PostAsync("/v1/refine", Photo.Content(Photo.Png, type));

        Assert.Contains("multipart/form-data", await ProblemAssert.IsAsync(status, response), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Refine_LabelThatIsNoClass_IsNamed()
    {
        byte[] labels = [.. Photo.Labels];
        labels[7] = 30;

        using HttpResponseMessage response = await PostAsync("classes=voc", Photo.Png, Grey(labels), part: "label_map");

        Assert.Contains(
            "label_map: Expected labels below 21, the number of classes, or 255 for void, got 30.",
            await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, response), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Refine_ArrayAboveTheLimitOfImages_IsRead()
    {
        await using SegmentationServer small = await SegmentationServer.StartAsync(("Decoding:MaxBytes", "10000"));

        using HttpResponseMessage response = await small.Client.PostAsync("/v1/refine?format=raw&" + Sharp, Form(Photo.Png, Coarse()));

        Assert.Equal(Photo.Labels, await OkAsync(response));
    }

    [Fact]
    public async Task Refine_MoreMemoryThanAllowed_IsRefused()
    {
        await using SegmentationServer small = await SegmentationServer.StartAsync(
            ("Crf:MaxBytes", "1048576"), ("Inference:MaxBytes", "1048576"));
        byte[] npy = new NpyHeader("<f4", false, [30, 200, 200]).ToBytes();

        using HttpResponseMessage ofScores = await small.Client.PostAsync("/v1/refine", Form(Photo.Plain(200, 200), npy));

        Assert.Contains(
            "Expected at most 1,048,576 bytes of scores (Inference:MaxBytes), got 4,800,000 for 30 classes of 200×200 pixels",
            await ProblemAssert.IsAsync(HttpStatusCode.RequestEntityTooLarge, ofScores), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Refine_Metrics_CountItForNoModel()
    {
        await using SegmentationServer own = await SegmentationServer.StartAsync();
        using Measurements measured = new(own);

        using HttpResponseMessage response = await own.Client.PostAsync("/v1/refine", Form(Photo.Png, Coarse()));
        using HttpResponseMessage refused = await own.Client.PostAsync("/v1/refine?classes=x", Form(Photo.Png, Coarse()));

        using HttpResponseMessage noForm = await own.Client.PostAsync("/v1/refine", Photo.Content(Photo.Png));

        await OkAsync(response);
        await measured.UntilAsync("seg_requests_total{code=415,model=none,route=/v1/refine,version=}", 1);
        await measured.UntilAsync("seg_requests_total{code=200,model=none,route=/v1/refine,version=}", 1);
        await measured.UntilAsync("seg_requests_total{code=400,model=none,route=/v1/refine,version=}", 1);
    }

    [Fact]
    public async Task Refine_Client_SendsAllParts()
    {
        using InferenceClient client = new(server.Client.BaseAddress!);
        RefineRequest request = new()
        {
            Probabilities = Coarse(), Format = "raw", Parameters = new Dictionary<string, string> { ["crf.iterations"] = "5" },
            Kernels = """
                [{"type": "bilateral", "sx": 8, "sy": 8, "srgb": [10, 10, 10], "compatibility": {"kind": "potts", "weight": 5}}]
                """,
        };

        RefineAnswer answer = await client.RefineAsync(Photo.Png, request);
        RefineAnswer ofLabels = await client.RefineAsync(Photo.Png, new RefineRequest { LabelMap = Grey(Photo.Labels), Format = "raw" });

        Assert.Equal(Photo.Labels, answer.Bytes);
        Assert.Equal((48, 32, "application/octet-stream"), (answer.Width, answer.Height, answer.ContentType));
        Assert.Equal(Pixels, ofLabels.Bytes.Length);
        await Assert.ThrowsAsync<ArgumentException>(() => client.RefineAsync(Photo.Png, new RefineRequest()));
    }

    [Fact]
    public async Task Refine_Client_KeepsTheLattice()
    {
        await using SegmentationServer own = await SegmentationServer.StartAsync();
        using InferenceClient client = new(own.Client.BaseAddress!);
        RefineRequest request = new() { LabelMap = Grey(Photo.Labels), Lattice = "new" };
        SegmentQuery query = new() { Parameters = new Dictionary<string, string> { ["refine"] = "crf" }, Lattice = "new" };

        RefineAnswer first = await client.RefineAsync(Photo.Png, request);
        RefineAnswer again = await client.RefineAsync(
            Photo.Png, new RefineRequest { LabelMap = request.LabelMap, Lattice = first.Lattice });
        MaskAnswer mask = await client.SegmentAsync(Photo.Png, query);
        RefineAnswer none = await client.RefineAsync(Photo.Png, new RefineRequest { LabelMap = request.LabelMap });

        Assert.Equal(32, first.Lattice!.Length);
        Assert.Equal(first.Lattice, again.Lattice);
        Assert.Equal(32, mask.Lattice!.Length);
        Assert.Null(none.Lattice);
    }

    [Theory]
    [InlineData("/v1/refine?" + Sharp)]
    [InlineData("/v1/segment/tiny-stride8?refine=crf&" + Sharp)]
    public async Task Lattice_IsKeptForTheNextRequest(string path)
    {
        await using SegmentationServer own = await SegmentationServer.StartAsync();

        (byte[] mask, string? key) = await RefineAsync(own, path, "new");
        (byte[] again, string? same) = await RefineAsync(own, path, key);
        (byte[] less, _) = await RefineAsync(own, path.Replace("iterations=5", "iterations=0", StringComparison.Ordinal), key);
        (_, string? other) = await RefineAsync(own, path, new string('0', 32));
        (_, string? none) = await RefineAsync(own, path, null);

        Assert.Equal(32, key!.Length);
        Assert.Equal(key, same);
        Assert.NotEqual(key, other);
        Assert.Null(none);
        Assert.Equal(Photo.Labels, PngImage.Read(mask).Samples);
        Assert.Equal(mask, again);
        Assert.NotEqual(mask, less);
        Assert.True(own.Services.GetRequiredService<KeptLattices>().Bytes > 0);
    }

    [Theory]
    [InlineData("old")]
    [InlineData("0123456789ABCDEF0123456789ABCDEF")]
    public async Task Lattice_NoKey_Is400(string value)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, "/v1/refine") { Content = Form(Photo.Png, Coarse()) };
        request.Headers.Add("X-Lattice", value);

        using HttpResponseMessage response = await server.Client.SendAsync(request);

        string detail = await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, response);
        Assert.Contains("X-Lattice: expected new, or", detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Lattice_WithoutABudget_IsNotKept()
    {
        await using SegmentationServer own = await SegmentationServer.StartAsync(("Crf:KeptBytes", "0"));

        (byte[] mask, string? key) = await RefineAsync(own, "/v1/refine?" + Sharp, "new");

        Assert.Null(key);
        Assert.Equal(Photo.Labels, PngImage.Read(mask).Samples);
    }

    private static async Task<(byte[] Mask, string? Key)> RefineAsync(SegmentationServer to, string path, string? lattice)
    {
        HttpContent body = path.StartsWith("/v1/refine", StringComparison.Ordinal) ? Form(Photo.Png, Coarse()) : Photo.Content(Photo.Png);
        using HttpRequestMessage request = new(HttpMethod.Post, path) { Content = body };
        request.Headers.Add("X-Lattice", lattice);
        using HttpResponseMessage response = await to.Client.SendAsync(request);
        byte[] mask = await OkAsync(response);
        return (mask, response.Headers.TryGetValues("X-Lattice", out IEnumerable<string>? keys) ? keys.Single() : null);
    }

    [NumPyFact]
    public async Task Refine_PythonOfTheDocs_GivesTheProbabilities()
    {
        string doc = await File.ReadAllTextAsync(Path.Combine(Repository.Root, "docs", "crf.md"));
        string function = doc.Split("```python\n")[1].Split("```")[0];
        using TemporaryFile image = new(Photo.Png), given = new(Coarse()), refined = new([]);
        string call = $$"""
            P = numpy.load("{{given.Path}}")
            Q = refine("{{image.Path}}", P, "{{server.Client.BaseAddress!.AbsoluteUri.TrimEnd('/')}}", **{"crf.iterations": 0})
            numpy.save("{{refined.Path}}", Q)
            """;

        string error = await RunAsync(NumPyFactAttribute.Python, function + call);

        Assert.Equal("", error);
        using HttpResponseMessage response = await PostAsync("crf.iterations=0&format=npy-probabilities", Photo.Png, Coarse());
        using NpyValues values = await NpyFloats.ReadAsync(new MemoryStream(await File.ReadAllBytesAsync(refined.Path + ".npy")));
        File.Delete(refined.Path + ".npy");
        Assert.Equal(await FloatsAsync(response, 3, Photo.Height, Photo.Width), values.Values.Span.ToArray());
    }

    private static async Task<string> RunAsync(string python, string script)
    {
        using Process process = Process.Start(new ProcessStartInfo(python, ["-c", script]) { RedirectStandardError = true })!;
        string error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return error;
    }

    // A server that takes more iterations than usual, where they are wanted.
    private static async Task<SegmentationServer?> WithIterationsAsync(int iterations) =>
        iterations > 20 ? await SegmentationServer.StartAsync(("Crf:MaxIterations", $"{iterations}")) : null;

    private Task<HttpResponseMessage> PostAsync(
        string query, byte[] image, byte[] scores, string part = "probabilities", byte[]? kernels = null) =>
        server.Client.PostAsync("/v1/refine?" + query, Form(image, scores, part, kernels));

    private static MultipartFormDataContent Form(byte[] image, byte[] scores, string part = "probabilities", byte[]? kernels = null)
    {
        MultipartFormDataContent form = new() { { Photo.Content(image), "image", "image.png" }, { Photo.Content(scores), part, "scores" } };
        if (kernels is not null)
        {
            form.Add(Photo.Content(kernels, "application/json"), "kernels");
        }

        return form;
    }

    /// <summary>Probabilities whose borders lie four pixels beside those of the colours.</summary>
    private static byte[] Coarse()
    {
        float[] values = new float[3 * Pixels];
        for (int i = 0; i < Pixels; i++)
        {
            int shifted = Math.Min(i + 4, Pixels - 1);
            for (int c = 0; c < 3; c++)
            {
                values[(c * Pixels) + i] = Photo.Labels[shifted] == c ? 0.6f : 0.2f;
            }
        }

        return Npy(values, 3, Photo.Height, Photo.Width);
    }

    private static byte[] Npy(float[] values, params int[] shape)
    {
        using MemoryStream stream = new();
        NpyFloats.Write(stream, values, shape);
        return stream.ToArray();
    }

    private static byte[] Png(byte[] rgb, int width)
    {
        using Image image = Image.NewFromMemory(rgb, width, rgb.Length / 3 / width, bands: 3, Enums.BandFormat.Uchar);
        return image.PngsaveBuffer(compression: 1);
    }

    private static byte[] Grey(byte[] labels)
    {
        using Image image = Image.NewFromMemory(labels, Photo.Width, Photo.Height, bands: 1, Enums.BandFormat.Uchar);
        return image.PngsaveBuffer(compression: 1);
    }

    private static string Header(HttpResponseMessage response, string name) => Assert.Single(response.Headers.GetValues(name));

    private static async Task<byte[]> OkAsync(HttpResponseMessage response)
    {
        byte[] body = await response.Content.ReadAsByteArrayAsync();
        Assert.True(response.IsSuccessStatusCode, Encoding.UTF8.GetString(body));
        return body;
    }

    private static async Task<float[]> FloatsAsync(HttpResponseMessage response, params int[] shape)
    {
        using NpyValues array = await NpyFloats.ReadAsync(new MemoryStream(await OkAsync(response)));
        Assert.Equal(shape, array.Header.Shape);
        return array.Values.Span.ToArray();
    }
}

/// <summary>A test that needs Python with NumPy and requests.</summary>
internal sealed class NumPyFactAttribute : FactAttribute
{
    public const string Python = PyTorchTheoryAttribute.Python;

    private static readonly Lazy<bool> Available = new(
        () => File.Exists(Python) && PyTorchTheoryAttribute.Run("-c", "import numpy, requests"));

    public NumPyFactAttribute([CallerMemberName] string test = "")
    {
        if (!Available.Value)
        {
            Skip = $"{Python} has no NumPy and requests.";
            DisplayName = $"{test}: {Skip}"; // the console shows the names of skipped tests, but not why they were
        }
    }
}

/// <summary>A file for the time of a test.</summary>
internal sealed class TemporaryFile : IDisposable
{
    public TemporaryFile(byte[] bytes) => File.WriteAllBytes(Path, bytes);

    public string Path { get; } = System.IO.Path.GetTempFileName();

    public void Dispose() => File.Delete(Path);
}
