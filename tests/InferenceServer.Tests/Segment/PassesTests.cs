using System.Net;

namespace InferenceServer.Tests.Segment;

/// <summary>Tiles, scales and mirroring over HTTP; what they compute is the runtime's to test.</summary>
[Collection(SharedServer.Name)]
public sealed class PassesTests(SegmentationServer server)
{
    [Theory]
    [InlineData("mode=slide&crop=16&resize=none")]
    [InlineData("mode=slide&crop=24x16&stride_rate=0.5&flip=true")]
    [InlineData("mode=slide&crop=16&resize=none&halo=4&blend=hann")]
    [InlineData("flip=true&fuse=sum_logits")]
    [InlineData("scales=1,1&fuse=max_logits")]
    public async Task Passes_ThatSeeWhatTheWholeSees_GiveTheSameMask(string query)
    {
        // The model's output stands for blocks of 4×4 pixels, and so do its tiles.
        using HttpResponseMessage whole = await PostAsync("tiny?mode=whole"), several = await PostAsync("tiny?" + query);

        Assert.Equal(HttpStatusCode.OK, several.StatusCode);
        Assert.Equal(
            PngImage.Read(await whole.Content.ReadAsByteArrayAsync()).Samples,
            PngImage.Read(await several.Content.ReadAsByteArrayAsync()).Samples);
    }

    [Theory]
    [InlineData("format=confidence")]
    [InlineData("format=json")]
    [InlineData("format=overlay")]
    [InlineData("refine=crf")]
    public async Task Passes_WithEverythingElse_AreServed(string query)
    {
        using HttpResponseMessage response = await PostAsync($"tiny-binary?mode=slide&crop=16&scales=0.5,1&flip=true&{query}");
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Contains("infer;dur=", Assert.Single(response.Headers.GetValues("Server-Timing")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("mode=tiles", "mode: expected whole or slide, got 'tiles'")]
    [InlineData("resize=never", "resize: expected model or none, got 'never'")]
    [InlineData("crop=12y", "crop: expected a side in pixels, or WIDTHxHEIGHT, got '12y'")]
    [InlineData("crop=-5", "crop: expected")]
    [InlineData("crop=20000", "crop: expected sides of 1 to 16384")]
    [InlineData("stride_rate=half", "stride_rate: expected a number from 0 to 1, got 'half'")]
    [InlineData("stride_rate=0", "stride_rate: expected a share of the crop")]
    [InlineData("mode=slide&crop=16&halo=8", "halo: expected 0 or more, and less than half of the crop of 16×16, got 8")]
    [InlineData("halo=1.5", "halo: expected pixels, a whole number from 0 to 8191, got '1.5'")]
    [InlineData("blend=sharp", "blend: expected uniform, hann, gaussian, got 'sharp'")]
    [InlineData("scales=1;2", "scales: expected numbers with commas between them")]
    [InlineData("scales=", "scales: expected numbers")]
    [InlineData("scales=0.1", "scales: expected 0.25 to 2, got 0.1")]
    [InlineData("scales=1,1,1,1,1,1,1,1,1", "scales: expected 1 to 8 scales, got 9")]
    [InlineData("flip=yes", "flip: expected true or false, got 'yes'")]
    [InlineData("fuse=vote", "fuse: expected mean_softmax, sum_logits, max_logits, got 'vote'")]
    public async Task Passes_ParameterOutsideItsLimits_Is400AndNamed(string query, string detail)
    {
        using HttpResponseMessage response = await PostAsync("tiny?" + query);
        Assert.Contains(detail, await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, response), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Passes_MoreWorkThanAllowed_Is413()
    {
        await using SegmentationServer small = await SegmentationServer.StartAsync(("Inference:MaxInputPixels", "100000"));
        using HttpResponseMessage response = await small.Client.PostAsync(
            "/v1/segment/tiny?flip=true", Photo.Content(Photo.Plain(640, 480)));
        Assert.Contains(
            "at most 100,000", await ProblemAssert.IsAsync(HttpStatusCode.RequestEntityTooLarge, response),
            StringComparison.Ordinal);
    }

    private Task<HttpResponseMessage> PostAsync(string path) => server.Client.PostAsync("/v1/segment/" + path, Photo.Content(Photo.Png));
}
