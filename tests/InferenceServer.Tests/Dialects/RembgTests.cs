using System.Net;
using InferenceServer.Dialects.Rembg;
using InferenceServer.Kernels;

namespace InferenceServer.Tests.Dialects;

/// <summary>The form of rembg's server.</summary>
[Collection(SharedServer.Name)]
public sealed class RembgTests(SegmentationServer server)
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Remove_ModelInAField_IsTheCutout(bool modelFirst)
    {
        using MultipartFormDataContent form = [];
        if (modelFirst)
        {
            form.Add(new StringContent("tiny-binary"), "model");
        }

        form.Add(Photo.Content(Photo.Png), "file", "photo.png");
        if (!modelFirst)
        {
            form.Add(new StringContent("tiny-binary"), "model");
            form.Add(new StringContent("false"), "a");
        }

        using HttpResponseMessage response = await server.Client.PostAsync("/api/remove", form);

        Assert.Equal("tiny-binary", Assert.Single(response.Headers.GetValues("X-Model")));
        Assert.Equal(await SegmentAsync("cutout"), await response.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task Remove_OnlyMask_IsTheAlpha() => Assert.Equal(
        PngImage.Read(await SegmentAsync("alpha")).Samples, (await RemoveAsync("om=true")).Samples);

    [Fact]
    public async Task Remove_Background_IsBehindTheObject()
    {
        byte[] alpha = PngImage.Read(await SegmentAsync("alpha")).Samples, image = PngImage.Read(Photo.Png).Samples;

        PngImage opaque = await RemoveAsync("bgc=0,64,255,255");

        for (int i = 0; i < alpha.Length; i++)
        {
            double a = alpha[i] / 255.0;
            Assert.Equal((a * image[3 * i]) + 0, opaque.Samples[4 * i], 0.51);
            Assert.Equal((a * image[(3 * i) + 2]) + ((1 - a) * 255), opaque.Samples[(4 * i) + 2], 0.51);
            Assert.Equal(255, opaque.Samples[(4 * i) + 3]);
        }
    }

    [Fact]
    public async Task Remove_PostProcessed_IsBlackAndWhite()
    {
        PngImage mask = await RemoveAsync("om=1&ppm=1");

        Assert.Equal([0, 255], mask.Samples.Distinct().Order().Select(s => (int)s));
    }

    // The values are those of cv2.morphologyEx, GaussianBlur and numpy.where, as rembg calls them.
    [Fact]
    public void Apply_SpeckAndSquare_IsThatOfOpenCv()
    {
        const int Side = 12;
        byte[] mask = new byte[Side * Side];
        mask[(1 * Side) + 1] = 255;
        for (int y = 4; y < 10; y++)
        {
            mask.AsSpan((y * Side) + 4, 6).Fill(255);
        }

        MaskCleaning.Apply(mask, new ImageSize(Side, Side));

        byte[] expected = new byte[Side * Side];
        foreach ((int y, int left, int width) in ((int, int, int)[])[(4, 6, 2), (5, 5, 4), (6, 4, 6), (7, 4, 6), (8, 5, 4), (9, 6, 2)])
        {
            expected.AsSpan((y * Side) + left, width).Fill(255);
        }

        Assert.Equal(expected, mask);
    }

    [Theory]
    [InlineData("model=tiny-binary&a=true", "a: this server does no alpha matting")]
    [InlineData("model=tiny-binary&af=240", "af: this server does no alpha matting")]
    [InlineData("model=tiny-binary&ab=10", "ab: this server does no alpha matting")]
    [InlineData("model=tiny-binary&ae=10", "ae: this server does no alpha matting")]
    [InlineData("model=tiny-binary&om=maybe", "om: expected true or false, got 'maybe'")]
    [InlineData("model=tiny-binary&bgc=1,2,3", "bgc: expected red,green,blue,alpha")]
    [InlineData("model=tiny-binary&extras=1", "Unknown option 'extras'")]
    [InlineData("model=tiny", "Expected a model of two classes")]
    public async Task Remove_OptionThatCannotBe_Is400AndNamed(string query, string detail)
    {
        using HttpResponseMessage response = await PostAsync(query);

        Assert.Contains(detail, await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, response), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Remove_UnknownModel_Is404()
    {
        using HttpResponseMessage response = await PostAsync("model=u2net");

        await ProblemAssert.IsAsync(HttpStatusCode.NotFound, response);
    }

    [Theory]
    [InlineData("model=tiny-binary", "url: expected the image's URL, got none")]
    [InlineData("model=tiny-binary&url=http://example.org/a.png", "example.org")]
    public async Task Get_WithoutAnAllowedUrl_Is400(string query, string detail)
    {
        using HttpResponseMessage response = await server.Client.GetAsync("/api/remove?" + query);

        Assert.Contains(detail, await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, response), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Post_WithoutAForm_Is415()
    {
        using HttpResponseMessage response = await server.Client.PostAsync("/api/remove?model=tiny-binary", Photo.Content(Photo.Png));

        await ProblemAssert.IsAsync(HttpStatusCode.UnsupportedMediaType, response);
    }

    private async Task<byte[]> SegmentAsync(string format)
    {
        using HttpResponseMessage response = await server.Client.PostAsync(
            "/v1/segment/tiny-binary?format=" + format, Photo.Content(Photo.Png));
        return await response.Content.ReadAsByteArrayAsync();
    }

    private async Task<PngImage> RemoveAsync(string query)
    {
        using HttpResponseMessage response = await PostAsync("model=tiny-binary&" + query);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return PngImage.Read(await response.Content.ReadAsByteArrayAsync());
    }

    private async Task<HttpResponseMessage> PostAsync(string query)
    {
        using MultipartFormDataContent form = new() { { Photo.Content(Photo.Png), "file", "photo.png" } };
        return await server.Client.PostAsync("/api/remove?" + query, form);
    }
}
