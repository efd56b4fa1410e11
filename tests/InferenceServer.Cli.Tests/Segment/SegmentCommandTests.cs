namespace InferenceServer.Cli.Tests.Segment;

public sealed class SegmentCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Segment_FolderWithABrokenFile_WritesTheOthersAndFails()
    {
        _folder.WritePhoto("photos/green.png", 20, 12, 10, 200, 30);
        _folder.WritePhoto("photos/blue.png", 20, 12, 10, 20, 200);
        await File.WriteAllTextAsync(_folder["photos", "broken.jpg"], "no JPEG");

        (int exitCode, string output, string error) = await SegmentAsync("raw", _folder["photos"]);

        Assert.Equal(1, exitCode);
        Assert.Equal(
            [_folder["out", "blue.raw"], _folder["out", "green.raw"]],
            output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Order());
        Assert.Contains("broken.jpg: ", error, StringComparison.Ordinal);
        Assert.Contains("1 of 3 images", error, StringComparison.Ordinal);
        Assert.All(await File.ReadAllBytesAsync(_folder["out", "green.raw"]), label => Assert.Equal(1, label));
        Assert.All(await File.ReadAllBytesAsync(_folder["out", "blue.raw"]), label => Assert.Equal(2, label));
    }

    [Theory]
    [InlineData("png", "a.png")]
    [InlineData("overlay", "a.png")]
    [InlineData("overlay-jpeg", "a.jpg")]
    [InlineData("color", "a.png")]
    [InlineData("raw", "a.raw")]
    [InlineData("json", "a.json")]
    [InlineData("confidence", "a.png")]
    [InlineData("coco-rle", "a.json")]
    [InlineData("polygons", "a.json")]
    [InlineData("geojson", "a.geojson")]
    [InlineData("gpkg", "a.gpkg")]
    [InlineData("masks", "a.zip")]
    [InlineData("npy", "a.npy")]
    [InlineData("npy-probabilities", "a.npy")]
    public async Task Segment_EveryFormat_IsWritten(string format, string file)
    {
        string photo = _folder.WritePhoto("photos/a.png", 20, 12, 200, 20, 30);

        (int exitCode, _, string error) = await SegmentAsync(format, photo);

        Assert.Equal((0, ""), (exitCode, error));
        Assert.NotEqual(0, new FileInfo(_folder["out", file]).Length);
    }

    [Theory]
    [InlineData("--refine crf --crf-iterations 3 --crf-bilateral-xy 8 --crf-quality fast", 0, "")]
    [InlineData("--refine none", 0, "")]
    [InlineData("--refine maybe", 2, "--refine: expected crf or none, got 'maybe'.")]
    [InlineData("--refine crf --crf-iterations 21", 1, "crf.iterations: expected 0 to 20, got 21.")]
    [InlineData("--refine crf --crf-gaussian-xy 0", 1, "crf.gaussian.xy: expected 0.1 to 500, got 0.")]
    public async Task Segment_Refinement_IsAppliedOrExplained(string options, int exitCode, string message)
    {
        string photo = _folder.WritePhoto("photos/a.png", 20, 12, 200, 20, 30);

        (int actual, _, string error) = await Cli.RunAsync(
            ["segment", photo, "--model", "tiny", "--models", Cli.Models, "--out", _folder["out"], .. options.Split(' ')]);

        Assert.Equal(exitCode, actual);
        Assert.Contains(message, error, StringComparison.Ordinal);
        Assert.Equal(exitCode == 0, File.Exists(_folder["out", "a.png"]));
    }

    [Fact]
    public async Task Segment_EqualBaseNames_AreRefusedBeforeAnythingIsWritten()
    {
        string first = _folder.WritePhoto("one/a.png", 8, 8, 200, 20, 30);
        string second = _folder.WritePhoto("two/a.png", 8, 8, 200, 20, 30);

        (int exitCode, _, string error) = await SegmentAsync("png", first, second);

        Assert.Equal(1, exitCode);
        Assert.Contains("would both write", error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_folder["out"]));
    }

    [Fact]
    public async Task Segment_OutputOverAnImage_IsRefused()
    {
        string photo = _folder.WritePhoto("out/a.png", 8, 8, 200, 20, 30);
        byte[] before = await File.ReadAllBytesAsync(photo);

        (int exitCode, _, string error) = await SegmentAsync("png", photo);

        Assert.Equal(1, exitCode);
        Assert.Contains("would overwrite the image", error, StringComparison.Ordinal);
        Assert.Equal(before, await File.ReadAllBytesAsync(photo));
    }

    [Fact]
    public async Task Segment_ConfidenceOfALabelGraph_IsRefused()
    {
        string photo = _folder.WritePhoto("photos/a.png", 8, 8, 200, 20, 30);

        (int exitCode, _, string error) = await Cli.RunAsync(
            "segment", photo, "--models", Cli.Models, "--model", "tiny-labels", "--out", _folder["out"], "--format", "confidence");

        Assert.Equal(1, exitCode);
        Assert.Contains("expected a model with scores", error, StringComparison.Ordinal);
    }

    private Task<(int ExitCode, string Output, string Error)> SegmentAsync(string format, params string[] images) =>
        Cli.RunAsync(["segment", .. images, "--models", Cli.Models, "--model", "tiny", "--out", _folder["out"], "--format", format]);
}
