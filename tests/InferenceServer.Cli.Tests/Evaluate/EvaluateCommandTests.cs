using System.Text.Json;
using System.Xml.Linq;

namespace InferenceServer.Cli.Tests.Evaluate;

public sealed class EvaluateCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Evaluate_KnownMasks_CountsOverAllImages()
    {
        _folder.WritePhoto("images/green.png", 8, 8, 10, 200, 30);
        _folder.WritePhoto("images/blue.png", 8, 8, 10, 20, 200);
        _folder.WriteLabels("labels/green.png", [.. Enumerable.Repeat((byte)1, 48), .. Enumerable.Repeat((byte)255, 16)], 8);
        _folder.WriteLabels("labels/blue.png", [.. Enumerable.Repeat((byte)2, 32), .. Enumerable.Repeat((byte)0, 32)], 8);

        (int exitCode, string output, string error) = await EvaluateAsync("--json", _folder["report.json"]);

        Assert.Equal((0, ""), (exitCode, error));
        Assert.Contains("Mean IoU", output, StringComparison.Ordinal);
        using JsonDocument json = JsonDocument.Parse(await File.ReadAllTextAsync(_folder["report.json"]));
        Assert.Equal(
            "[[0,0,32],[0,48,0],[0,0,32]]",
            json.RootElement.GetProperty("matrix")
                .GetRawText()
                .Replace(" ", "", StringComparison.Ordinal)
                .Replace("\n", "", StringComparison.Ordinal));
        Assert.Equal(0.5, json.RootElement.GetProperty("mean_iou").GetDouble(), 12);
        Assert.Equal("tiny", json.RootElement.GetProperty("model").GetString());
        Assert.Equal(2, json.RootElement.GetProperty("images").GetInt32());
    }

    [Fact]
    public async Task Evaluate_MasksThatSegmentWrote_ArePerfect()
    {
        string photo = _folder.WritePhoto("images/a.png", 21, 13, 10, 200, 30);
        await Cli.RunAsync("segment", photo, "--models", Cli.Models, "--model", "tiny", "--out", _folder["labels"]);

        (int exitCode, string output, string error) = await EvaluateAsync();

        Assert.Equal((0, ""), (exitCode, error));
        Assert.Matches("Mean IoU % +100.00", output);
    }

    [Fact]
    public async Task Evaluate_Bands_AreThoseThatTheNetworkSees()
    {
        _folder.WritePhoto("images/green.png", 8, 8, 10, 200, 30);
        _folder.WriteLabels("labels/green.png", new byte[64], 8); // red

        (int exitCode, string output, string error) = await EvaluateAsync("--bands", "2,1,3", "--value-scaling", "scale:255");

        Assert.Equal((0, ""), (exitCode, error));
        Assert.Matches("Pixel accuracy % +100.00", output);
    }

    [Theory]
    [InlineData("evaluate")]
    [InlineData("tune-crf")]
    public async Task Evaluate_MoreThan256Classes_IsRefused(string command)
    {
        _folder.WritePhoto("images/a.png", 8, 8, 10, 200, 30);
        _folder.WriteLabels("labels/a.png", new byte[64], 8);

        (int exitCode, _, string error) = await Cli.RunAsync(
            command, "--models", Path.Combine(AppContext.BaseDirectory, "label-models"), "--model", "classes-847",
            "--images", _folder["images"], "--labels", _folder["labels"]);

        Assert.Equal(1, exitCode);
        Assert.Contains("at most 256 classes", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Evaluate_Refined_ScoresBothInOneRun()
    {
        _folder.WriteNoisyScene("a", seed: 7);

        (int exitCode, string output, string error) = await EvaluateAsync(
            "--refine", "crf", "--crf-iterations", "4", "--crf-gaussian-weight", "4", "--crf-gaussian-xy", "3",
            "--crf-bilateral-weight", "0",
            "--json", _folder["report.json"], "--trimap-plot", _folder["trimap.svg"]);

        Assert.Equal((0, ""), (exitCode, error));
        Assert.Contains("Refined by 4 iterations, Gaussian 4/3.", output, StringComparison.Ordinal);
        Assert.Matches(@"Mean IoU % +\d+\.\d\d +\d+\.\d\d +\+\d+\.\d\d", output);
        using JsonDocument json = JsonDocument.Parse(await File.ReadAllTextAsync(_folder["report.json"]));
        JsonElement after = json.RootElement, before = after.GetProperty("unrefined");
        Assert.True(after.GetProperty("mean_iou").GetDouble() > before.GetProperty("mean_iou").GetDouble());
        Assert.Equal("exact", after.GetProperty("crf").GetProperty("quality").GetString());
        Assert.Equal(
            Enumerable.Range(1, 20),
            after.GetProperty("trimap").EnumerateArray().Select(band => band.GetProperty("width").GetInt32()));
        XElement svg = XElement.Load(_folder["trimap.svg"]);
        Assert.Equal(
            [20, 20],
            svg.Elements()
                .Where(e => e.Name.LocalName == "polyline")
                .Select(e => e.Attribute("points")!.Value.Split(' ').Length));
    }

    [Fact]
    public async Task Evaluate_RefinedOrNot_BeforeIsTheSame()
    {
        _folder.WriteNoisyScene("a", seed: 7);

        await EvaluateAsync("--json", _folder["plain.json"]);
        await EvaluateAsync("--refine", "crf", "--json", _folder["refined.json"]);

        using JsonDocument plain = JsonDocument.Parse(await File.ReadAllTextAsync(_folder["plain.json"]));
        using JsonDocument refined = JsonDocument.Parse(await File.ReadAllTextAsync(_folder["refined.json"]));
        Assert.True(JsonElement.DeepEquals(plain.RootElement, refined.RootElement.GetProperty("unrefined")));
    }

    [Fact]
    public async Task Evaluate_Trimap_CountsTheBandsPixels()
    {
        _folder.WritePhoto("images/green.png", 48, 8, 10, 200, 30);
        _folder.WriteLabels("labels/green.png", [.. Enumerable.Range(0, 48 * 8).Select(i => (byte)(i % 48 < 24 ? 0 : 1))], 48);

        await EvaluateAsync("--json", _folder["report.json"]);

        using JsonDocument json = JsonDocument.Parse(await File.ReadAllTextAsync(_folder["report.json"]));
        Assert.Equal(
            Enumerable.Range(1, 20).Select(width => 2 * width * 8),
            json.RootElement.GetProperty("trimap")
                .EnumerateArray()
                .Select(band => band.GetProperty("pixels").GetInt32()));
        Assert.All(
            json.RootElement.GetProperty("trimap").EnumerateArray(),
            band => Assert.Equal(0.25, band.GetProperty("mean_iou").GetDouble(), 12));
    }

    [Fact]
    public async Task Evaluate_LabelsMissing_ListsThem()
    {
        _folder.WritePhoto("images/a.png", 8, 8, 10, 200, 30);
        _folder.WritePhoto("images/b.png", 8, 8, 10, 200, 30);
        _folder.WriteLabels("labels/a.png", new byte[64], 8);

        (int exitCode, _, string error) = await EvaluateAsync();

        Assert.Equal(1, exitCode);
        Assert.Contains("1 of 2 have none", error, StringComparison.Ordinal);
        Assert.Contains("b.png", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Evaluate_LabelOfAnotherSize_NamesTheFile()
    {
        _folder.WritePhoto("images/a.png", 8, 8, 10, 200, 30);
        string label = _folder.WriteLabels("labels/a.png", new byte[63], 9);

        (int exitCode, _, string error) = await EvaluateAsync();

        Assert.Equal(1, exitCode);
        Assert.Contains($"{label}: expected 8×8 pixels", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Evaluate_LabelsBeyondTheClasses_AreMentioned()
    {
        _folder.WritePhoto("images/a.png", 8, 8, 10, 200, 30);
        _folder.WriteLabels("labels/a.png", [.. Enumerable.Repeat((byte)1, 60), .. Enumerable.Repeat((byte)11, 4)], 8);

        (int exitCode, _, string error) = await EvaluateAsync();

        Assert.Equal(0, exitCode);
        Assert.Contains("4 labelled pixels were skipped", error, StringComparison.Ordinal);
    }

    private Task<(int ExitCode, string Output, string Error)> EvaluateAsync(params string[] more) =>
        Cli.RunAsync(
            [
                "evaluate", "--models", Cli.Models, "--model", "tiny", "--images", _folder["images"], "--labels",
                _folder["labels"], .. more
            ]);
}
