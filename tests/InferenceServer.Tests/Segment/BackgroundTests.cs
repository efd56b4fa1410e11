using System.Buffers.Binary;
using System.Net;
using System.Runtime.InteropServices;
using InferenceServer.Runtime.Models;
using Microsoft.Extensions.DependencyInjection;
using NetVips;

namespace InferenceServer.Tests.Segment;

/// <summary>An image behind a cutout: the form's part background. tests/assets/make_backgrounds.py made the images and, by
/// Pillow, what of them is behind an image of 48×32 pixels.</summary>
[Collection(SharedServer.Name)]
public sealed class BackgroundTests(SegmentationServer server)
{
    private const string Cutout = "/v1/segment/tiny-binary?format=cutout";

    [Theory]
    [InlineData("wide", true)]
    [InlineData("wide", false)]
    [InlineData("tall", true)]
    [InlineData("large", true)]
    [InlineData("same", true)]
    [InlineData("tiny", true)]
    [InlineData("line", true)]
    [InlineData("turned", true)]
    public async Task Cutout_OnAnImage_IsBlended(string name, bool imageFirst)
    {
        float[] alpha = await AlphaAsync();

        using HttpResponseMessage response = await PostAsync(server, Cutout, Read(name + ".png"), imageFirst);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        PngImage blended = PngImage.Read(await response.Content.ReadAsByteArrayAsync());
        using Image covered = Image.NewFromBuffer(Read(name + ".covered.png"));
        byte[] image = PngImage.Read(Photo.Png).Samples, background = covered.WriteToMemory<byte>();
        Assert.Equal((PngImage.Rgb, 8, Photo.Width, Photo.Height), (blended.ColorType, blended.Bits, blended.Width, blended.Height));
        for (int i = 0; i < image.Length; i++)
        {
            double a = alpha[i / 3];
            Assert.Equal((a * image[i]) + ((1 - a) * background[i]), blended.Samples[i], 0.51);
        }
    }

    [Theory]
    [InlineData("tiny-binary", "background: expected an image behind a cutout only, got one with format=png.")]
    [InlineData("tiny-binary?format=alpha", "got one with format=alpha.")]
    [InlineData("tiny-binary?format=view", "got one with format=view.")]
    [InlineData("tiny-binary?format=cutout&background=ffffff", "background: expected a colour or an image, got both.")]
    [InlineData("tiny?format=cutout", "Expected a model of two classes")]
    public async Task Background_WithoutUse_Is400AndSaysWhy(string query, string detail)
    {
        using HttpResponseMessage response = await PostAsync(server, "/v1/segment/" + query, Read("same.png"));

        Assert.Contains(detail, await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, response), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", HttpStatusCode.BadRequest, "background: expected an image, got an empty part.")]
    [InlineData("green", HttpStatusCode.UnsupportedMediaType, "background: Expected an image in a supported format")]
    public async Task Background_ThatIsNoImage_IsRefusedByName(string content, HttpStatusCode status, string detail)
    {
        using HttpResponseMessage response = await PostAsync(server, Cutout, System.Text.Encoding.UTF8.GetBytes(content));

        Assert.Contains(detail, await ProblemAssert.IsAsync(status, response), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Background_CutShort_Is422AndNamed()
    {
        using HttpResponseMessage response = await PostAsync(server, Cutout, Read("large.png")[..200]);

        Assert.StartsWith(
            "background: ", await ProblemAssert.IsAsync(HttpStatusCode.UnprocessableEntity, response), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Background_Twice_Is400()
    {
        using MultipartFormDataContent form = Form(Read("same.png"), imageFirst: true);
        form.Add(Photo.Content(Read("same.png")), "background", "second.png");
        using HttpResponseMessage response = await server.Client.PostAsync(Cutout, form);

        Assert.Contains(
            "got several", await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, response), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Background_Claim_IsThatOfAnImage()
    {
        await using SegmentationServer own = await SegmentationServer.StartAsync(("Decoding:MaxPixels", "9600"));
        LoadedModel model = own.Services.GetRequiredService<ModelRepository>().Entry("tiny-binary").Model!;
        byte[] background = Read("large.png");

        (long plain, long plainBytes) = await HeldAsync(own, model, null);
        (long behind, long behindBytes) = await HeldAsync(own, model, background);

        Assert.Equal((120 * 80) + (Photo.Width * Photo.Height * 3 / 12), behind - plain);
        Assert.True(behindBytes - plainBytes >= background.Length);
        using HttpResponseMessage refused = await PostAsync(own, Cutout, Photo.Plain(121, 80));
        Assert.StartsWith(
            "background: Expected an image of at most 9,600 pixels",
            await ProblemAssert.IsAsync(HttpStatusCode.RequestEntityTooLarge, refused), StringComparison.Ordinal);
    }

    // What a request holds while its network runs.
    private static async Task<(long Pixels, long Bytes)> HeldAsync(SegmentationServer server, LoadedModel model, byte[]? background)
    {
        using GatedSession gate = new(model);
        Task<HttpResponseMessage> answer = PostAsync(server, Cutout, background);
        await Eventually.TrueAsync(() => gate.Runs.Count == 1);
        (long, long) held = (server.InFlight.Pixels, server.InFlight.Bytes);
        gate.Open();
        using HttpResponseMessage response = await answer;
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        await Eventually.TrueAsync(() => server.InFlight.Pixels == 0);
        return held;
    }

    private static byte[] Read(string file) => File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "backgrounds", file));

    private static MultipartFormDataContent Form(byte[]? background, bool imageFirst)
    {
        MultipartFormDataContent form = [];
        if (imageFirst)
        {
            form.Add(Photo.Content(Photo.Png), "image", "photo.png");
        }

        if (background is not null)
        {
            form.Add(Photo.Content(background), "background", "beach.png");
        }

        if (!imageFirst)
        {
            form.Add(Photo.Content(Photo.Png), "image", "photo.png");
        }

        return form;
    }

    private static async Task<HttpResponseMessage> PostAsync(
        SegmentationServer server, string path, byte[]? background, bool imageFirst = true)
    {
        using MultipartFormDataContent form = Form(background, imageFirst);
        return await server.Client.PostAsync(path, form);
    }

    private async Task<float[]> AlphaAsync()
    {
        using HttpResponseMessage response = await server.Client.PostAsync(
            "/v1/segment/tiny-binary?format=npy-probabilities", Photo.Content(Photo.Png));
        byte[] npy = await response.Content.ReadAsByteArrayAsync();
        int header = 10 + BinaryPrimitives.ReadUInt16LittleEndian(npy.AsSpan(8));
        const int Pixels = Photo.Width * Photo.Height;
        return MemoryMarshal.Cast<byte, float>(npy.AsSpan(header)).Slice(Pixels, Pixels).ToArray();
    }
}
