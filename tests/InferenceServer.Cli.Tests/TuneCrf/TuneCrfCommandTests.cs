using InferenceServer.Runtime.Manifests;

namespace InferenceServer.Cli.Tests.TuneCrf;

public sealed class TuneCrfCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public TuneCrfCommandTests()
    {
        CopyModel("tiny");
        for (int i = 0; i < 4; i++)
        {
            _folder.WriteNoisyScene($"{i}", seed: i);
        }
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task TuneCrf_NoisyScenes_WritesWhatGains()
    {
        string before = await File.ReadAllTextAsync(Manifest());

        (int exitCode, string output, string error) = await TuneAsync();

        Assert.Equal(0, exitCode);
        Assert.Contains("Network alone, 3 images: mean IoU ", error, StringComparison.Ordinal);
        Assert.Matches(@"4 iterations, Gaussian 4/3 +\d+\.\d\d +\+\d+\.\d\d", output);
        ModelManifest manifest = ManifestReader.Read(Path.GetDirectoryName(Manifest())!);
        Assert.Equal(
            (false, 4, 4f, 3f),
            (
                manifest.Postprocess.Crf!.Default, manifest.Postprocess.Crf.Iterations,
                manifest.Postprocess.Crf.Gaussian!.Weight, manifest.Postprocess.Crf.Gaussian.Xy));
        // The section came first, all else is as it was.
        Assert.EndsWith(before[2..], await File.ReadAllTextAsync(Manifest()), StringComparison.Ordinal);
        string folder = Path.GetDirectoryName(Manifest())!;
        Assert.Equal(["1", "model.json"], Directory.EnumerateFileSystemEntries(folder).Select(Path.GetFileName).Order());
    }

    [Fact]
    public async Task TuneCrf_DryRun_LeavesTheManifest()
    {
        string before = await File.ReadAllTextAsync(Manifest());

        (int exitCode, string output, _) = await TuneAsync("--dry-run");

        Assert.Equal(0, exitCode);
        Assert.Contains("network alone", output, StringComparison.Ordinal);
        Assert.Equal(before, await File.ReadAllTextAsync(Manifest()));
    }

    [Fact]
    public async Task TuneCrf_NetworkIsRightAlready_LeavesTheManifest()
    {
        string before = await File.ReadAllTextAsync(Manifest());
        Directory.Delete(_folder["images"], recursive: true);
        _folder.WritePhoto("images/0.png", 32, 32, 200, 30, 10);
        _folder.WriteLabels("labels/0.png", new byte[32 * 32], 32);

        (int exitCode, _, string error) = await TuneAsync();

        Assert.Equal(0, exitCode);
        Assert.Contains("No setting is better than no refinement", error, StringComparison.Ordinal);
        Assert.Equal(before, await File.ReadAllTextAsync(Manifest()));
    }

    [Fact]
    public async Task TuneCrf_LabelsOfOtherClasses_SaysSo()
    {
        for (int i = 0; i < 4; i++)
        {
            _folder.WriteLabels($"labels/{i}.png", [.. Enumerable.Repeat((byte)9, 64 * 64)], 64);
        }

        (int exitCode, _, string error) = await TuneAsync();

        Assert.Equal(1, exitCode);
        Assert.Equal(
            $"{3 * 64 * 64:N0} labelled pixels were skipped: their label is neither a class (0 to 2) nor 255.\n" +
            "Expected labels that are classes of the model, found none. Check --labels, and that --ignore is the void label.\n",
            error);
    }

    [Fact]
    public async Task TuneCrf_ManifestInTheGraph_SaysThatItCannotWrite()
    {
        CopyModel("tiny-embedded");

        (int exitCode, _, string error) = await Cli.RunAsync(
            "tune-crf", "--models", _folder["models"], "--model", "tiny-embedded", "--images", _folder["images"],
            "--labels", _folder["labels"]);

        Assert.Equal(1, exitCode);
        Assert.Contains("--dry-run", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task TuneCrf_GraphThatEndsInLabels_IsRefused()
    {
        CopyModel("tiny-labels");

        (int exitCode, _, string error) = await Cli.RunAsync(
            "tune-crf", "--models", _folder["models"], "--model", "tiny-labels", "--images", _folder["images"],
            "--labels", _folder["labels"]);

        Assert.Equal(1, exitCode);
        Assert.Contains("nothing that a CRF could refine", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task TuneCrf_ParameterOutOfRange_IsRefusedAtOnce()
    {
        (int exitCode, _, string error) = await TuneAsync("--bilateral-rgb", "0");

        Assert.Equal(1, exitCode);
        Assert.Contains("crf.bilateral.rgb", error, StringComparison.Ordinal);
    }

    private string Manifest() => _folder["models", "tiny", "model.json"];

    private void CopyModel(string name)
    {
        foreach (string file in Directory.EnumerateFiles(Path.Combine(Cli.Models, name), "*", SearchOption.AllDirectories))
        {
            string copy = _folder["models", Path.GetRelativePath(Cli.Models, file)];
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }
    }

    /// <summary>With all parameters held, so that there is only one setting to try.</summary>
    private Task<(int ExitCode, string Output, string Error)> TuneAsync(params string[] more) => Cli.RunAsync(
    [
        "tune-crf", "--models", _folder["models"], "--model", "tiny", "--images", _folder["images"], "--labels",
        _folder["labels"], "--sample", "3",
        "--iterations", "4", "--gaussian-weight", "4", "--gaussian-xy", "3", "--bilateral-weight", "0", "--bilateral-xy", "20", .. more,
        .. more.Contains("--bilateral-rgb") ? Array.Empty<string>() : ["--bilateral-rgb", "10"],
    ]);
}
