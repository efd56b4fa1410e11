using System.Text.Json;

namespace InferenceServer.Cli.Tests.Evaluate;

public sealed class PassOptionsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Evaluate_MasksThatSegmentWroteWithTheSamePasses_ArePerfect()
    {
        string photo = _folder.WritePhoto("images/a.png", 61, 43, 10, 200, 30);
        string[] passes =
        [
            "--mode", "slide", "--crop", "24x16", "--stride-rate", "0.5", "--scales", "0.75,1.25", "--flip", "--fuse",
            "max_logits", "--resize", "none"
        ];
        await Cli.RunAsync(["segment", photo, "--models", Cli.Models, "--model", "tiny", "--out", _folder["labels"], .. passes]);

        (int exitCode, string output, string error) = await Cli.RunAsync(
            [
                "evaluate", "--models", Cli.Models, "--model", "tiny", "--images", _folder["images"], "--labels",
                _folder["labels"], "--json", _folder["report.json"], .. passes
            ]);

        Assert.Equal((0, ""), (exitCode, error));
        Assert.Contains(
            "Run slide 24×16 by 0.5 at the image's size, scales 0.75 1.25, flip, max_logits.", output,
            StringComparison.Ordinal);
        Assert.Matches("Mean IoU % +100.00", output);
        using JsonDocument json = JsonDocument.Parse(await File.ReadAllTextAsync(_folder["report.json"]));
        Assert.StartsWith("slide", json.RootElement.GetProperty("passes").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--mode", "tiles", "--mode: expected whole or slide, got 'tiles'.")]
    [InlineData("--crop", "12y", "--crop: expected a side in pixels")]
    [InlineData("--scales", "1;2", "--scales: expected numbers with commas")]
    [InlineData("--fuse", "vote", "--fuse: expected mean_softmax, sum_logits, max_logits, got 'vote'.")]
    public async Task Segment_PassesThatAreNone_AreExplained(string option, string value, string expected)
    {
        string photo = _folder.WritePhoto("images/a.png", 8, 8, 10, 200, 30);
        (int exitCode, _, string error) = await Cli.RunAsync(
            "segment", photo, "--models", Cli.Models, "--model", "tiny", "--out", _folder["labels"], option, value);
        Assert.NotEqual(0, exitCode);
        Assert.Contains(expected, error, StringComparison.Ordinal);
    }
}
