namespace InferenceServer.Tests.Segment;

/// <summary>The shipped model over HTTP against the plain PyTorch pipeline with the same weights: models/zoo/reference.py made tests/assets/parity.</summary>
public sealed class ParityTests : IClassFixture<ParityTests.ShippedModels>
{
    private static readonly string References = Path.Combine(Repository.Root, "tests", "assets", "parity");
    private readonly SegmentationServer _server;

    public ParityTests(ShippedModels server) => _server = server;

    [Fact]
    public async Task Segment_RenderedStreetOfTwiceTheSize_EqualsPyTorch()
    {
        string street = Path.Combine(Repository.Root, "tests", "assets", "street.jpg");
        Assert.InRange(await AgreementAsync(street), 0.999, 1);
    }

    [CamVidFact]
    public async Task Segment_TwentyPhotographsOfCamVid_EqualsPyTorch()
    {
        string[] photos = [.. Directory.EnumerateFiles(References)
            .Select(r => Path.Combine(CamVidFactAttribute.Folder!, "val", "images", Path.GetFileNameWithoutExtension(r) + ".jpg"))
            .Where(File.Exists)];
        Assert.Equal(20, photos.Length);
        foreach (string photo in photos)
        {
            Assert.InRange(await AgreementAsync(photo), 0.999, 1);
        }
    }

    /// <summary>The share of pixels with the same label.</summary>
    private async Task<double> AgreementAsync(string photo)
    {
        using HttpResponseMessage response = await _server.Client.PostAsync(
            "/v1/segment/camvid-deeplabv3plus", Photo.Content(await File.ReadAllBytesAsync(photo), "image/jpeg"));
        PngImage mask = PngImage.Read(await response.Content.ReadAsByteArrayAsync());
        PngImage reference = PngImage.Read(await File.ReadAllBytesAsync(Path.Combine(References, Path.GetFileNameWithoutExtension(photo) + ".png")));
        Assert.Equal((reference.Width, reference.Height), (mask.Width, mask.Height));
        return (double)mask.Samples.Zip(reference.Samples).Count(pair => pair.First == pair.Second) / mask.Samples.Length;
    }

    /// <summary>A server with the models that ship.</summary>
    public sealed class ShippedModels() : SegmentationServer([("Models:Path", Path.Combine(Repository.Root, "models")), ("Models:Default", "camvid-deeplabv3plus")]);
}
