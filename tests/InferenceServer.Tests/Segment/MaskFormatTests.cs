using System.Globalization;
using System.Net.Http.Json;
using InferenceServer.Runtime.Formats;
using NetVips;

namespace InferenceServer.Tests.Segment;

/// <summary>Every form in which a mask can be had, down to the pixel.</summary>
[Collection(SharedServer.Name)]
public sealed class MaskFormatTests(SegmentationServer server)
{
    [Theory]
    [InlineData("tiny")]
    [InlineData("tiny-probabilities")]
    [InlineData("tiny-labels")]
    public async Task Png_KnownColors_IsTheKnownMask(string model)
    {
        PngImage mask = PngImage.Read(await GetAsync("png", model));

        Assert.Equal((Photo.Width, Photo.Height, PngImage.Indexed), (mask.Width, mask.Height, mask.ColorType));
        Assert.Equal(Photo.Labels, mask.Samples);
        Assert.Equal(((byte)255, (byte)0, (byte)0), mask.Color(0));
        Assert.Equal(((byte)0, (byte)255, (byte)0), mask.Color(1));
        Assert.Equal(((byte)0, (byte)0, (byte)255), mask.Color(2));
    }

    [Fact]
    public async Task Png_ModelOfStride8_DiffersOnlyWhereThreeColorsMeet()
    {
        PngImage mask = PngImage.Read(await GetAsync("png", "tiny-stride8"));

        Assert.All(Different(mask.Samples, Photo.Labels), i => Assert.InRange(
            Math.Abs((i % Photo.Width) - (Photo.Width / 2)) + Math.Abs((i / Photo.Width) - (Photo.Height / 2)), 0, 4));
    }

    [Fact]
    public async Task Png_BinaryModel_TellsRedFromTheRest()
    {
        PngImage mask = PngImage.Read(await GetAsync("png", "tiny-binary"));

        // Its threshold is not half-way between the colours, so the border moves by a pixel or two.
        byte[] red = [.. Photo.Labels.Select(l => (byte)(l == 0 ? 1 : 0))];
        Assert.All(Different(mask.Samples, red), i => Assert.InRange((i / Photo.Width) - (Photo.Height / 2), -2, 1));
    }

    [Fact]
    public async Task Png_ModelOfFixedSize_HasThePhotographsSize()
    {
        PngImage mask = PngImage.Read(await GetAsync("png", "tiny-fixed"));

        Assert.Equal((Photo.Width, Photo.Height), (mask.Width, mask.Height));
        Assert.Equal(Photo.Labels[(8 * Photo.Width) + 8], mask.Samples[(8 * Photo.Width) + 8]);
    }

    [Fact]
    public async Task Color_KnownColors_IsTheKnownMaskInThePalettesColors()
    {
        PngImage mask = PngImage.Read(await GetAsync("color"));

        Assert.Equal((Photo.Width, Photo.Height, PngImage.Rgb), (mask.Width, mask.Height, mask.ColorType));
        Assert.Equal(Photo.Labels.SelectMany(PaletteColor), mask.Samples);
    }

    [Fact]
    public async Task Raw_KnownColors_IsOneByteAPixel() => Assert.Equal(Photo.Labels, await GetAsync("raw"));

    [Theory]
    [InlineData(0f)]
    [InlineData(0.25f)]
    [InlineData(1f)]
    public async Task Overlay_Alpha_BlendsPhotographAndColors(float alpha)
    {
        PngImage overlay = PngImage.Read(await GetAsync($"overlay&alpha={alpha.ToString(CultureInfo.InvariantCulture)}"));

        Assert.Equal((Photo.Width, Photo.Height, PngImage.Rgb), (overlay.Width, overlay.Height, overlay.ColorType));
        byte[] photo = [.. Photo.Labels.SelectMany(Photo.Color)];
        byte[] colors = [.. Photo.Labels.SelectMany(PaletteColor)];
        Assert.All(overlay.Samples, (sample, i) => Assert.InRange(sample - ((alpha * colors[i]) + ((1 - alpha) * photo[i])), -1, 1));
    }

    [Fact]
    public async Task Overlay_WithoutAlpha_IsHalfAndHalf() => Assert.Equal(await GetAsync("overlay&alpha=0.5"), await GetAsync("overlay"));

    [Fact]
    public async Task Overlay_AcceptJpeg_IsAJpegOfThePhotographsSize()
    {
        using HttpRequestMessage request = new(HttpMethod.Post, "/v1/segment/tiny?format=overlay") { Content = Photo.Content(Photo.Png) };
        request.Headers.Accept.ParseAdd("image/jpeg");
        using HttpResponseMessage response = await server.Client.SendAsync(request);

        Assert.Equal("image/jpeg", response.Content.Headers.ContentType?.MediaType);
        byte[] file = await response.Content.ReadAsByteArrayAsync();
        Assert.Equal("VipsForeignLoadJpegBuffer", Image.FindLoadBuffer(file));
        using Image overlay = Image.NewFromBuffer(file);
        Assert.Equal((Photo.Width, Photo.Height), (overlay.Width, overlay.Height));
    }

    [Fact]
    public async Task Json_KnownColors_CountsAndBoxesEachClass()
    {
        using HttpResponseMessage response = await PostAsync("json", "tiny");

        Assert.Equal("application/json", response.Content.Headers.ContentType?.MediaType);
        const string Expected =
            """{"model":"tiny","version":1,"width":48,"height":32,"classes":[""" +
            """{"index":0,"name":"red","color":"#ff0000","pixels":768,"share":0.5,"box":{"x":0,"y":0,"width":48,"height":16}},""" +
            """{"index":1,"name":"green","color":"#00ff00","pixels":384,"share":0.25,"box":{"x":0,"y":16,"width":24,"height":16}},""" +
            """{"index":2,"name":"blue","color":"#0000ff","pixels":384,"share":0.25,"box":{"x":24,"y":16,"width":24,"height":16}}]}""";
        Assert.Equal(Expected, await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Json_OneColor_HasOneClass()
    {
        using HttpResponseMessage response = await server.Client.PostAsync(
            "/v1/segment/tiny?format=json", Photo.Content(Photo.Plain(32, 8)));
        MaskSummary summary = (await response.Content.ReadFromJsonAsync<MaskSummary>())!;

        ClassSummary only = Assert.Single(summary.Classes);
        Assert.Equal(("green", 256, 1), (only.Name, only.Pixels, only.Share));
    }

    [Fact]
    public async Task Confidence_ClearColors_IsGreyAndAboveOneThird()
    {
        PngImage confidence = PngImage.Read(await GetAsync("confidence"));

        Assert.Equal((Photo.Width, Photo.Height, PngImage.Grey), (confidence.Width, confidence.Height, confidence.ColorType));
        Assert.All(confidence.Samples, c => Assert.InRange(c, 255 / 3, 255)); // the winner of three has at least a third
        Assert.InRange(confidence.Samples[(8 * Photo.Width) + 8], 200, 255);
    }

    private static byte[] PaletteColor(byte label) => [.. Enumerable.Range(0, 3).Select(c => (byte)(c == label ? 255 : 0))];

    private static IEnumerable<int> Different(byte[] first, byte[] second) =>
        Enumerable.Range(0, first.Length).Where(i => first[i] != second[i]);

    private Task<HttpResponseMessage> PostAsync(string format, string model) =>
        server.Client.PostAsync($"/v1/segment/{model}?format={format}", Photo.Content(Photo.Png));

    private async Task<byte[]> GetAsync(string format, string model = "tiny")
    {
        using HttpResponseMessage response = await PostAsync(format, model);
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());
        return await response.Content.ReadAsByteArrayAsync();
    }
}
