using System.Net;
using InferenceServer.Tests.Telemetry;

namespace InferenceServer.Tests.Segment;

/// <summary><c>?refine=crf</c>, on a picture whose colours say where the borders are.</summary>
[Collection(SharedServer.Name)]
public sealed class RefinementTests(SegmentationServer server)
{
    // A wide smoothness kernel would round the corner where three colours meet.
    private const string Sharp =
        "refine=crf&crf.gaussian.weight=0&crf.bilateral.weight=5&crf.bilateral.xy=8&crf.bilateral.rgb=10&crf.iterations=5";

    [Theory]
    [InlineData("exact")]
    [InlineData("fast")]
    public async Task Crf_CoarseMask_FollowsThePhotographsColours(string quality)
    {
        PngImage coarse = PngImage.Read(await GetAsync("tiny-stride8?refine=none"));
        Assert.NotEqual(Photo.Labels, coarse.Samples);

        PngImage refined = PngImage.Read(await GetAsync($"tiny-stride8?{Sharp}&crf.quality={quality}"));

        Assert.Equal(Photo.Labels, refined.Samples);
    }

    [Theory]
    [InlineData("tiny")]
    [InlineData("tiny-probabilities")]
    [InlineData("tiny-binary")]
    [InlineData("tiny-fixed")]
    public async Task Crf_AnyKindOfScores_IsServedWithItsTime(string model)
    {
        using HttpResponseMessage response = await PostAsync($"{model}?refine=crf");

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        string timing = Assert.Single(response.Headers.GetValues("Server-Timing"))
            .Split(", ")
            .Single(t => t.StartsWith("crf;dur=", StringComparison.Ordinal));
        Assert.NotEqual("crf;dur=0.00", timing);
    }

    [Fact]
    public async Task Crf_Confidence_RisesWhereTheColoursAreClear()
    {
        double before = PngImage.Read(await GetAsync("tiny?format=confidence")).Samples.Average(s => s);
        double after = PngImage.Read(await GetAsync($"tiny?format=confidence&{Sharp}")).Samples.Average(s => s);
        Assert.True(after > before, $"{after} after the CRF, {before} before.");
    }

    [Theory]
    [InlineData("refine=yes", "refine: expected crf or none, got 'yes'")]
    [InlineData("refine=crf&crf.iterations=21", "crf.iterations: expected 0 to 20, got 21")]
    [InlineData("refine=crf&crf.iterations=-1", "crf.iterations: expected 0 to 20")]
    [InlineData("refine=crf&crf.iterations=ten", "crf.iterations: expected a number, got 'ten'")]
    [InlineData("refine=crf&crf.gaussian.weight=101", "crf.gaussian.weight: expected 0 to 100")]
    [InlineData("refine=crf&crf.gaussian.xy=0", "crf.gaussian.xy: expected 0.1 to 500")]
    [InlineData("refine=crf&crf.bilateral.weight=NaN", "crf.bilateral.weight: expected 0 to 100")]
    [InlineData("refine=crf&crf.bilateral.xy=501", "crf.bilateral.xy")]
    [InlineData("refine=crf&crf.bilateral.rgb=-3", "crf.bilateral.rgb")]
    [InlineData("refine=crf&crf.quality=best", "crf.quality: expected exact or fast, got 'best'")]
    [InlineData("refine=crf&crf.gaussian.weight=0&crf.bilateral.weight=0", "0 for both")]
    public async Task Crf_ParameterOutsideItsLimits_Is400AndNamed(string query, string detail)
    {
        using HttpResponseMessage response = await PostAsync("tiny?" + query);
        Assert.Contains(detail, await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, response), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Crf_GraphThatEndsInLabels_Is400()
    {
        using HttpResponseMessage response = await PostAsync("tiny-labels?refine=crf");
        Assert.Contains(
            "nothing that a CRF could refine", await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, response),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Crf_SizeThatNeedsMoreMemory_IsRefusedFromTheHeader()
    {
        await using SegmentationServer small = await SegmentationServer.StartAsync(("Crf:MaxBytes", "1048576"));
        byte[] cut = Photo.Plain(640, 480)[..600]; // most of its pixels are not there to be decoded

        using HttpResponseMessage response = await small.Client.PostAsync("/v1/segment/tiny?refine=crf", Photo.Content(cut));

        Assert.StartsWith(
            "The image of 640×480 with 3 classes cannot be refined",
            await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, response), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/v1/segment/tiny?refine=crf")]
    [InlineData("/v1/segment/tiny?refine=crf&crf.quality=fast&format=confidence")]
    [InlineData("/v1/segment/tiny?refine=crf&mode=slide&crop=64&resize=none")]
    [InlineData("/v1/segment/tiny?refine=crf&bands=1,2,3")]
    public async Task Crf_ColoursThatNeedMoreMemory_AreRefusedBeforeTheNetworkRuns(string route)
    {
        await using SegmentationServer small = await SegmentationServer.StartAsync(("Crf:MaxBytes", $"{128 << 20}"));
        double warm = await RunsAsync(small);

        using HttpResponseMessage refused = await small.Client.PostAsync(route, Photo.Content(Photo.Noise(jpeg: false, 640, 480)));
        double after = await RunsAsync(small);
        using HttpResponseMessage refined = await small.Client.PostAsync(route, Photo.Content(Photo.Plain(640, 480)));

        Assert.Equal(
            "The image of 640×480 with 3 classes cannot be refined: the refinement needs more memory than the limit of 128 MiB "
            + "(Crf:MaxBytes). Refine a smaller image, or leave refine out.",
            await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, refused));
        Assert.Equal(warm, after);
        Assert.Equal(HttpStatusCode.OK, refined.StatusCode);
        Assert.True(await RunsAsync(small) > after);
    }

    // The metrics are of all runs of the network, those that warm it up included.
    private static async Task<double> RunsAsync(SegmentationServer server)
    {
        Exposition metrics = new(await server.Client.GetStringAsync("/metrics"), isOpenMetrics: false);
        return metrics.Samples.Where(s => s.Key.StartsWith("seg_batch_size_count", StringComparison.Ordinal)).Sum(s => s.Value);
    }

    private Task<HttpResponseMessage> PostAsync(string path) => server.Client.PostAsync("/v1/segment/" + path, Photo.Content(Photo.Png));

    private async Task<byte[]> GetAsync(string path)
    {
        using HttpResponseMessage response = await PostAsync(path);
        byte[] body = await response.Content.ReadAsByteArrayAsync();
        Assert.True(response.IsSuccessStatusCode, System.Text.Encoding.UTF8.GetString(body));
        return body;
    }
}
