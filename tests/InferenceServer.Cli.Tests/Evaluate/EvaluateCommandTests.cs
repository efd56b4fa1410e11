using System.Text.Json;

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
        Assert.Equal("[[0,0,32],[0,48,0],[0,0,32]]", json.RootElement.GetProperty("matrix").GetRawText().Replace(" ", "", StringComparison.Ordinal).Replace("\n", "", StringComparison.Ordinal));
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
    public async Task Evaluate_LabelsMissing_ListsThem()
    {
        _folder.WritePhoto("images/a.png", 8, 8, 10, 200, 30);
        _folder.WritePhoto("images/b.png", 8, 8, 10, 200, 30);
        _folder.WriteLabels("labels/a.png", new byte[64], 8);

        (int exitCode, _, string error) = await EvaluateAsync();

        Assert.Equal(1, exitCode);
        Assert.Contains("1 of 2 images have no label", error, StringComparison.Ordinal);
        Assert.Contains("b.png", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Evaluate_LabelOfAnotherSize_NamesTheFile()
    {
        _folder.WritePhoto("images/a.png", 8, 8, 10, 200, 30);
        string label = _folder.WriteLabels("labels/a.png", new byte[63], 9);

        (int exitCode, _, string error) = await EvaluateAsync();

        Assert.Equal(1, exitCode);
        Assert.Contains($"{label}: the label map has 9×7 pixels", error, StringComparison.Ordinal);
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
        Cli.RunAsync(["evaluate", "--models", Cli.Models, "--model", "tiny", "--images", _folder["images"], "--labels", _folder["labels"], .. more]);
}
