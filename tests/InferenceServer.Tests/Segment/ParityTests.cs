namespace InferenceServer.Tests.Segment;

/// <summary>The shipped models' float32 networks over HTTP against the plain PyTorch pipeline with the same weights:
/// models/zoo/reference.py made tests/assets/parity.</summary>
public sealed class ParityTests : IClassFixture<ParityTests.ShippedModels>
{
    /// <summary>A street of twice the models' size, cells of an odd size, and an orthophoto of four bands.</summary>
    private static readonly string[] Rendered = ["street.jpg", "cells.png", "orthophoto.tif"];

    private static readonly string References = Path.Combine(Repository.Root, "tests", "assets", "parity");
    private readonly SegmentationServer _server;

    public ParityTests(ShippedModels server) => _server = server;

    /// <summary>Each model with the rendered image of its field.</summary>
    public static TheoryData<string, string> Images
    {
        get
        {
            TheoryData<string, string> images = [];
            foreach (string model in Names)
            {
                foreach (string image in Rendered.Where(i => File.Exists(Reference(model, i))))
                {
                    images.Add(model, image);
                }
            }

            return images;
        }
    }

    private static IEnumerable<string> Names => Directory.EnumerateDirectories(References).Select(d => Path.GetFileName(d)).Order();

    [Fact]
    public void Images_ModelsThatShip_AreAll() => Assert.Equal(
        Directory.EnumerateFiles(Path.Combine(Repository.Root, "models"), "model.json", SearchOption.AllDirectories)
            .Select(m => Path.GetFileName(Path.GetDirectoryName(m)))
            .Order(),
        Images.Select(i => (string)((object[])i)[0]).Order());

    [Theory, MemberData(nameof(Images))]
    public async Task Segment_RenderedImage_EqualsPyTorch(string model, string image) =>
        Assert.InRange(await AgreementAsync(_server.Client, model, image), 0.999, 1);

    [CamVidFact]
    public async Task Segment_PhotographsOfCamVid_EqualsPyTorch()
    {
        foreach (string model in Names.Where(n => n.StartsWith("camvid-", StringComparison.Ordinal)))
        {
            string[] photos = [.. Directory.EnumerateFiles(Path.Combine(References, model))
                .Select(r => Path.Combine(CamVidFactAttribute.Folder!, "val", "images", Path.GetFileNameWithoutExtension(r) + ".jpg"))
                .Where(File.Exists)];
            Assert.InRange(photos.Length, 5, 20);
            foreach (string photo in photos)
            {
                Assert.InRange(await AgreementAsync(_server.Client, model, photo), 0.999, 1);
            }
        }
    }

    /// <summary>The share of pixels with the same label.</summary>
    /// <param name="client">A client of a server with the shipped models.</param>
    /// <param name="model">The model's name.</param>
    /// <param name="image">A rendered image's name, or the path of another image that has a reference.</param>
    internal static async Task<double> AgreementAsync(HttpClient client, string model, string image)
    {
        string path = Path.Combine(Repository.Root, "tests", "assets", image);
        using HttpResponseMessage response = await client.PostAsync(
            $"/v1/segment/{model}", Photo.Content(await File.ReadAllBytesAsync(path), type: null));
        PngImage mask = PngImage.Read(await response.Content.ReadAsByteArrayAsync());
        PngImage reference = PngImage.Read(await File.ReadAllBytesAsync(Reference(model, image)));
        Assert.Equal((reference.Width, reference.Height), (mask.Width, mask.Height));
        return (double)mask.Samples.Zip(reference.Samples).Count(pair => pair.First == pair.Second) / mask.Samples.Length;
    }

    private static string Reference(string model, string image) =>
        Path.Combine(References, model, Path.GetFileNameWithoutExtension(image) + ".png");

    /// <summary>A server with the models that ship, as they were exported.</summary>
    public sealed class ShippedModels() : SegmentationServer(
        [
            ("Models:Path", Path.Combine(Repository.Root, "models")), ("Models:Default", "camvid-deeplabv3plus"),
            ("Onnx:Variant", "Float32"),
        ]);
}
