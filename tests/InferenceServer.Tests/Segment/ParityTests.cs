namespace InferenceServer.Tests.Segment;

/// <summary>The shipped models over HTTP against the plain PyTorch pipeline with the same weights:
/// models/zoo/reference.py made tests/assets/parity.</summary>
public sealed class ParityTests : IClassFixture<ParityTests.ShippedModels>
{
    private static readonly string References = Path.Combine(Repository.Root, "tests", "assets", "parity");
    private readonly SegmentationServer _server;

    public ParityTests(ShippedModels server) => _server = server;

    public static TheoryData<string> Models => [.. Names];

    private static IEnumerable<string> Names => Directory.EnumerateDirectories(References).Select(d => Path.GetFileName(d)).Order();

    [Theory, MemberData(nameof(Models))]
    public async Task Segment_RenderedStreetOfTwiceTheSize_EqualsPyTorch(string model)
    {
        string street = Path.Combine(Repository.Root, "tests", "assets", "street.jpg");
        Assert.InRange(await AgreementAsync(model, street), 0.999, 1);
    }

    [CamVidFact]
    public async Task Segment_PhotographsOfCamVid_EqualsPyTorch()
    {
        foreach (string model in Names)
        {
            string[] photos = [.. Directory.EnumerateFiles(Path.Combine(References, model))
                .Select(r => Path.Combine(CamVidFactAttribute.Folder!, "val", "images", Path.GetFileNameWithoutExtension(r) + ".jpg"))
                .Where(File.Exists)];
            Assert.InRange(photos.Length, 5, 20);
            foreach (string photo in photos)
            {
                Assert.InRange(await AgreementAsync(model, photo), 0.999, 1);
            }
        }
    }

    /// <summary>The share of pixels with the same label.</summary>
    private async Task<double> AgreementAsync(string model, string photo)
    {
        using HttpResponseMessage response = await _server.Client.PostAsync(
            $"/v1/segment/{model}", Photo.Content(await File.ReadAllBytesAsync(photo), "image/jpeg"));
        PngImage mask = PngImage.Read(await response.Content.ReadAsByteArrayAsync());
        PngImage reference = PngImage.Read(
            await File.ReadAllBytesAsync(
                Path.Combine(References, model, Path.GetFileNameWithoutExtension(photo) + ".png")));
        Assert.Equal((reference.Width, reference.Height), (mask.Width, mask.Height));
        return (double)mask.Samples.Zip(reference.Samples).Count(pair => pair.First == pair.Second) / mask.Samples.Length;
    }

    /// <summary>A server with the models that ship.</summary>
    public sealed class ShippedModels() : SegmentationServer(
        [("Models:Path", Path.Combine(Repository.Root, "models")), ("Models:Default", "camvid-deeplabv3plus")]);
}
