using System.Buffers.Binary;
using System.IO.Compression;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using InferenceServer.Kernels.Coloring;
using InferenceServer.Tests.OpenInference;

namespace InferenceServer.Tests.Segment;

/// <summary>Models of many classes and of one, compared with the masks that NumPy computed.</summary>
public sealed class LabelModelsTests(LabelModelsTests.Server server) : IClassFixture<LabelModelsTests.Server>
{
    private const int Width = 96;
    private const int Height = 64;

    /// <summary>A server of the models of <c>tests/assets/label-models</c>.</summary>
    public sealed class Server() : SegmentationServer([("Models:Path", Folder), ("Models:Default", "classes-847")])
    {
        internal static string Folder { get; } = Path.Combine(AppContext.BaseDirectory, "label-models");
    }

    [Theory]
    [InlineData("classes-847")]
    [InlineData("classes-847-uint16")]
    [InlineData("classes-847-int32")]
    public async Task Png_MoreThan256Classes_IsGreyOf16Bits(string model)
    {
        PngImage mask = PngImage.Read(await GetAsync(model, "png"));

        Assert.Equal((Width, Height, PngImage.Grey, 16), (mask.Width, mask.Height, mask.ColorType, mask.Bits));
        Assert.Equal(Truth(model), Numbers(mask.Samples, bigEndian: true));
    }

    [Theory]
    [InlineData("classes-256")]
    [InlineData("more-labels-than-names")]
    [InlineData("one-class")]
    [InlineData("one-class-probability")]
    public async Task Png_UpTo256Classes_IsIndexed(string model)
    {
        PngImage mask = PngImage.Read(await GetAsync(model, "png"));

        Assert.Equal((PngImage.Indexed, 8), (mask.ColorType, mask.Bits));
        Assert.Equal(Truth(model), mask.Samples.Select(label => (int)label));
    }

    [Theory]
    [InlineData("mode=slide&crop=32&resize=none")]
    [InlineData("flip=true")]
    [InlineData("flip=true&fuse=max_logits")]
    public async Task Png_SeveralPassesOfManyClasses_IsTheMaskOfOne(string passes)
    {
        PngImage mask = PngImage.Read(await GetAsync("classes-847", "png&" + passes));

        Assert.Equal(Truth("classes-847"), Numbers(mask.Samples, bigEndian: true));
    }

    [Theory]
    [InlineData("classes-847", "16")]
    [InlineData("classes-256", "8")]
    public async Task Raw_Model_SaysItsBits(string model, string bits)
    {
        using HttpResponseMessage response = await PostAsync(model, "raw");

        Assert.Equal(bits, Assert.Single(response.Headers.GetValues("X-Label-Bits")));
        byte[] labels = await response.Content.ReadAsByteArrayAsync();
        IEnumerable<int> numbers = bits == "16" ? Numbers(labels, bigEndian: false) : labels.Select(label => (int)label);
        Assert.Equal(Truth(model), numbers);
    }

    [Theory]
    [InlineData("classes-847", 16)]
    [InlineData("classes-256", 8)]
    public async Task RawOfManyImages_Model_SaysItsBitsInEachAnswer(string model, int bits)
    {
        using HttpResponseMessage raw = await BatchAsync(model, "raw", "*/*");
        using HttpResponseMessage png = await BatchAsync(model, "png", "*/*");
        using HttpResponseMessage parts = await BatchAsync(model, "raw", "multipart/mixed");
        using HttpResponseMessage pictures = await BatchAsync(model, "png", "multipart/mixed");

        JsonElement line = JsonDocument.Parse(await raw.Content.ReadAsByteArrayAsync()).RootElement;
        Assert.Equal(bits, line.GetProperty("label_bits").GetInt32());
        Assert.Equal(Width * Height * bits / 8, line.GetProperty("mask").GetBytesFromBase64().Length);
        Assert.Contains($"\r\nX-Label-Bits: {bits}\r\n", await parts.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.DoesNotContain("label_bits", await png.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.DoesNotContain("X-Label-Bits", await pictures.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("classes-847", "<u2")]
    [InlineData("classes-256", "|u1")]
    public async Task Npy_Model_HasTheSmallestType(string model, string type)
    {
        byte[] file = await GetAsync(model, "npy");

        int start = 10 + BinaryPrimitives.ReadUInt16LittleEndian(file.AsSpan(8));
        string header = System.Text.Encoding.ASCII.GetString(file[10..start]);
        Assert.Contains($"'descr': '{type}'", header, StringComparison.Ordinal);
        Assert.Contains("(64, 96)", header, StringComparison.Ordinal);
        IEnumerable<int> labels = type == "<u2" ? Numbers(file[start..], bigEndian: false) : file[start..].Select(label => (int)label);
        Assert.Equal(Truth(model), labels);
    }

    [Theory]
    [InlineData("classes-847", "c0 c255 c256 c600 c846")]
    [InlineData("classes-256", "c0 c100 c200 c254 c255")] // 255 is a class, although it is the default of classes.ignore
    [InlineData("more-labels-than-names", "a b c class_3 class_4")]
    [InlineData("one-class", "background foreground")]
    [InlineData("one-class-probability", "background foreground")]
    public async Task Json_Model_NamesAndCountsTheClasses(string model, string names)
    {
        JsonElement[] classes = [.. Json(await GetAsync(model, "json")).GetProperty("classes").EnumerateArray()];

        Assert.Equal(names, string.Join(' ', classes.Select(c => c.GetProperty("name").GetString())));
        Assert.Equal(
            Truth(model).GroupBy(label => label).OrderBy(group => group.Key).Select(group => (group.Key, group.Count())),
            classes.Select(c => (c.GetProperty("index").GetInt32(), c.GetProperty("pixels").GetInt32())));
    }

    [Fact]
    public async Task Json_OneClass_HasABlackBackground()
    {
        JsonElement classes = Json(await GetAsync("one-class", "json")).GetProperty("classes");

        Assert.Equal("#000000", classes[0].GetProperty("color").GetString());
        Assert.Equal("#ff0000", classes[1].GetProperty("color").GetString());
    }

    [Theory]
    [InlineData("classes-847")]
    [InlineData("classes-256")]
    public async Task Masks_Model_HasAFileForEachClass(string model)
    {
        using ZipArchive zip = new(new MemoryStream(await GetAsync(model, "masks")));

        int[] truth = Truth(model);
        foreach (int label in truth.Distinct())
        {
            using MemoryStream png = new();
            await zip.GetEntry($"{label:D3}-c{label}.png")!.Open().CopyToAsync(png);
            Assert.Equal(truth.Select(l => (byte)(l == label ? 255 : 0)), PngImage.Read(png.ToArray()).Samples);
        }

        Assert.Equal(truth.Distinct().Count() + 1, zip.Entries.Count);
    }

    [Theory]
    [InlineData("classes-847")]
    [InlineData("classes-256")]
    public async Task CocoRle_Model_IsTheMask(string model)
    {
        JsonElement coco = Json(await GetAsync(model, "coco-rle&counts=uncompressed"));

        int[] labels = [.. Enumerable.Repeat(-1, Width * Height)];
        foreach (JsonElement annotation in coco.GetProperty("annotations").EnumerateArray())
        {
            int at = 0;
            bool isIn = false;
            foreach (JsonElement count in annotation.GetProperty("segmentation").GetProperty("counts").EnumerateArray())
            {
                for (int i = 0; i < count.GetInt32(); i++, at++)
                {
                    if (isIn)
                    {
                        labels[((at % Height) * Width) + (at / Height)] = annotation.GetProperty("category_id").GetInt32();
                    }
                }

                isIn = !isIn;
            }
        }

        Assert.Equal(Truth(model), labels);
    }

    [Theory]
    [InlineData("polygons", "classes", "index")]
    [InlineData("geojson", "features", "id")]
    public async Task Outlines_MoreThan256Classes_AreThoseOfEachClass(string format, string list, string index)
    {
        JsonElement answer = Json(await GetAsync("classes-847", format));

        Assert.Equal([0, 255, 256, 600, 846], answer.GetProperty(list).EnumerateArray().Select(c => c.GetProperty(index).GetInt32()));
        Assert.All(answer.GetProperty(list).EnumerateArray(), c => Assert.Contains("[[", c.GetRawText(), StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("color")]
    [InlineData("overlay&alpha=1")]
    public async Task Color_MoreThan256Classes_IsThePalette(string format)
    {
        PngImage mask = PngImage.Read(await GetAsync("classes-847", format));

        Palette palette = Palette.Voc(847);
        Assert.Equal(
            Truth("classes-847").SelectMany(label => (byte[])[palette[label].Red, palette[label].Green, palette[label].Blue]),
            mask.Samples);
    }

    [Fact]
    public async Task Refine_MoreThan256Classes_IsRefused()
    {
        using HttpResponseMessage response = await PostAsync("classes-847", "png&refine=crf");

        Assert.Contains(
            "a CRF takes at most 256 classes, and the model has 847", await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, response),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("classes-847", 65535)]
    [InlineData("classes-256", 255)]
    public async Task Model_Description_HasTheVoidLabel(string model, int ignore)
    {
        JsonElement description = await server.Client.GetFromJsonAsync<JsonElement>($"/v1/models/{model}");

        Assert.Equal(ignore, description.GetProperty("ignore").GetInt32());
    }

    [Fact]
    public async Task HuggingFace_MoreThan256Classes_HasAMaskForEach()
    {
        using HttpResponseMessage response = await server.Client.PostAsync("/huggingface/classes-847", Photo.Content(Image));

        int[] truth = Truth("classes-847");
        foreach (JsonElement segment in (await response.Content.ReadFromJsonAsync<JsonElement>()).EnumerateArray())
        {
            int label = int.Parse(segment.GetProperty("label").GetString()![1..], System.Globalization.CultureInfo.InvariantCulture);
            PngImage mask = PngImage.Read(segment.GetProperty("mask").GetBytesFromBase64());
            Assert.Equal(truth.Select(l => (byte)(l == label ? 255 : 0)), mask.Samples);
            Assert.InRange(segment.GetProperty("score").GetDouble(), 0.2, 1);
        }
    }

    [Theory]
    [InlineData("classes-847", "UINT16")]
    [InlineData("classes-256", "UINT8")]
    public async Task OpenInference_Image_HasTheTypeOfTheLabels(string model, string datatype)
    {
        using HttpResponseMessage response = await server.Client.PostAsync($"/v2/models/{model}.image/infer", InferCall.Raw(Image));

        (JsonElement json, byte[] mask) = await InferCall.ReadAsync(response);
        Assert.Equal(datatype, json.GetProperty("outputs")[0].GetProperty("datatype").GetString());
        Assert.Equal(await GetAsync(model, "raw"), mask);
    }

    private static byte[] Image => File.ReadAllBytes(Path.Combine(Server.Folder, "photo.png"));

    private static int[] Truth(string model)
    {
        byte[] file = File.ReadAllBytes(Path.Combine(Server.Folder, model, "truth.npy"));
        return Numbers(file[^(Width * Height * sizeof(ushort))..], bigEndian: false);
    }

    private static int[] Numbers(byte[] bytes, bool bigEndian) =>
        [.. bytes.Chunk(sizeof(ushort)).Select(two => two[bigEndian ? 1 : 0] + (two[bigEndian ? 0 : 1] << 8))];

    private static JsonElement Json(byte[] utf8) => JsonSerializer.Deserialize<JsonElement>(utf8);

    private Task<HttpResponseMessage> PostAsync(string model, string format) =>
        server.Client.PostAsync($"/v1/segment/{model}?format={format}", Photo.Content(Image));

    private async Task<HttpResponseMessage> BatchAsync(string model, string format, string accept)
    {
        using MultipartFormDataContent form = new() { { Photo.Content(Image), "image", "a.png" } };
        using HttpRequestMessage request = new(HttpMethod.Post, $"/v1/segment:batch?model={model}&format={format}") { Content = form };
        request.Headers.Accept.ParseAdd(accept);
        return await server.Client.SendAsync(request);
    }

    private async Task<byte[]> GetAsync(string model, string format)
    {
        using HttpResponseMessage response = await PostAsync(model, format);
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());
        return await response.Content.ReadAsByteArrayAsync();
    }
}
