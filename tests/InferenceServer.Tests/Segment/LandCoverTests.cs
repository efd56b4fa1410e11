using System.Net;

namespace InferenceServer.Tests.Segment;

/// <summary>The shipped model of four bands on an orthophoto that models/zoo/data_sets/landcover.py rendered, with its exact
/// mask.</summary>
public sealed class LandCoverTests : IClassFixture<LandCoverTests.LandCover>
{
    private const byte Void = 255;

    private static readonly string Assets = Path.Combine(Repository.Root, "tests", "assets");
    private readonly SegmentationServer _server;

    public LandCoverTests(LandCover server) => _server = server;

    [Fact]
    public async Task Segment_RenderedOrthophoto_FindsTheLandCover()
    {
        (byte[] mask, byte[] truth) = await SegmentAsync("");

        Assert.InRange(Accuracy(mask, truth), 0.97, 1);
        Assert.Equal(truth.Select(label => label == Void), mask.Select(label => label == Void)); // no data, no class
    }

    [Theory]
    [InlineData("4,2,3,1", 0.4)] // infrared first, as in a picture in false colours
    [InlineData("3,2,1,4", 0.85)] // blue first, as many satellites have it
    public async Task Segment_BandsOfAnotherOrder_LosesAccuracy(string bands, double atMost)
    {
        (byte[] mask, byte[] truth) = await SegmentAsync($"?bands={bands}");

        Assert.InRange(Accuracy(mask, truth), 0, atMost);
    }

    private async Task<(byte[] Mask, byte[] Truth)> SegmentAsync(string query)
    {
        using HttpResponseMessage response = await _server.Client.PostAsync(
            "/v1/segment" + query, Photo.Content(await File.ReadAllBytesAsync(Path.Combine(Assets, "orthophoto.tif")), "image/tiff"));
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        PngImage mask = PngImage.Read(await response.Content.ReadAsByteArrayAsync());
        PngImage truth = PngImage.Read(await File.ReadAllBytesAsync(Path.Combine(Assets, "orthophoto.png")));
        Assert.Equal((truth.Width, truth.Height), (mask.Width, mask.Height));
        return (mask.Samples, truth.Samples);
    }

    /// <summary>The share of pixels with the right class, among those with data.</summary>
    private static double Accuracy(byte[] mask, byte[] truth) =>
        (double)mask.Zip(truth).Count(pair => pair.First == pair.Second && pair.Second != Void) / truth.Count(label => label != Void);

    /// <summary>A server with this model alone.</summary>
    public sealed class LandCover() : SegmentationServer(
        [("Models:Path", Path.Combine(Repository.Root, "models", "landcover-rgbn")), ("Models:Default", "landcover-rgbn")]);
}
