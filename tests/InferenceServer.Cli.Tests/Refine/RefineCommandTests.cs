using DenseCrf.Tests;
using InferenceServer.Kernels;
using InferenceServer.Kernels.Labels;
using InferenceServer.Kernels.Metrics;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Npy;
using InferenceServer.Tests;

namespace InferenceServer.Cli.Tests.Refine;

public sealed class RefineCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> Cases => [.. CrfCase.Names];

    public void Dispose() => _folder.Dispose();

    [Theory, MemberData(nameof(Cases))]
    public async Task Refine_EveryVector_MatchesTheReference(string name)
    {
        CrfCase scene = new(name);
        WriteScene(scene);
        foreach (int iterations in scene.Iterations)
        {
            (int exitCode, string output, string error) = await RefineAsync(
                "--energies", "--kernels", scene.JsonPath, "--iterations", $"{iterations}", "--threads", "2", "--labels", _folder["l.png"]);

            Assert.Equal((0, ""), (exitCode, error));
            Assert.Equal([_folder["q.npy"], _folder["l.png"]], output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
            float[] marginals = await ReadMarginalsAsync(scene);
            CrfAssert.Matches(scene, iterations, marginals);
            CrfAssert.LabelsMatch(LabelPng.Decode(await File.ReadAllBytesAsync(_folder["l.png"])).Labels, marginals, scene.Labels);
        }
    }

    [Fact]
    public async Task Refine_Probabilities_GainsWhatEnergiesDo()
    {
        CrfCase scene = new("c02_160x120_L5");
        WriteScene(scene);
        await RefineAsync("--energies", "--iterations", "0");
        File.Move(_folder["q.npy"], _folder["p.npy"], overwrite: true);

        (int exitCode, _, _) = await RefineAsync("--kernels", scene.JsonPath, "--iterations", "5", "--threads", "1");

        Assert.Equal(0, exitCode);
        Assert.InRange(MeanIoU(scene, await ReadMarginalsAsync(scene)), 0.94, 0.9410); // 0.9405 by the reference, 0.8401 before
    }

    [Fact]
    public async Task Refine_NoKernels_TakesThoseOfDeepLab()
    {
        CrfCase scene = new("c06_1x1_L3");
        WriteScene(scene);

        await RefineAsync("--energies");
        float[] usual = await ReadMarginalsAsync(scene);
        await RefineAsync(
            "--energies", "--iterations", "10", "--gaussian-weight", "3", "--gaussian-xy", "1", "--bilateral-weight",
            "4", "--bilateral-xy", "67", "--bilateral-rgb", "3");

        Assert.Equal(usual, await ReadMarginalsAsync(scene));
    }

    [Theory]
    [InlineData("[3,4,4]", "Expected scores of 5×4 pixels, as the image has, got 4×4")]
    [InlineData("[4,5]", "got (4, 5)")]
    [InlineData("[0,4,5]", "with 1 to 256 classes")]
    [InlineData("[257,4,5]", "with 1 to 256 classes")]
    public async Task Refine_WrongShape_SaysWhichIsRight(string shape, string message)
    {
        int[] axes = System.Text.Json.JsonSerializer.Deserialize<int[]>(shape)!;
        WriteArray(new float[axes.Aggregate(1, (a, b) => a * b)], axes);

        await FailsAsync(message);
    }

    [Fact]
    public async Task Refine_OnePlane_IsTheForegroundOfTwoClasses()
    {
        CrfCase scene = new("c02_160x120_L5");
        WriteScene(scene);
        float[] foreground = [.. Enumerable.Range(0, scene.Width * scene.Height).Select(i => (i * 37 % 101) / 100f)];
        WriteArrayOnly([.. foreground.Select(p => 1 - p), .. foreground], [2, scene.Height, scene.Width]);
        await RefineAsync("--threads", "1", "--labels", _folder["two.png"]);
        float[] two = await ReadArrayAsync([2, scene.Height, scene.Width]);
        WriteArrayOnly(foreground, [1, scene.Height, scene.Width]);

        (int exitCode, _, string error) = await RefineAsync("--threads", "1", "--labels", _folder["one.png"]);

        Assert.Equal((0, ""), (exitCode, error));
        float[] one = await ReadArrayAsync([1, scene.Height, scene.Width]);
        Assert.Equal(two[foreground.Length..], one);
        Assert.Equal(await File.ReadAllBytesAsync(_folder["two.png"]), await File.ReadAllBytesAsync(_folder["one.png"]));
        Assert.Contains(one, p => p > 0.5f);
    }

    [Fact]
    public async Task Refine_EnergiesOfOnePlane_AreRefused()
    {
        WriteArray([.. Enumerable.Repeat(1f, 20)], [1, 4, 5]);

        (int exitCode, _, string error) = await RefineAsync("--energies");

        Assert.Equal(1, exitCode);
        Assert.Contains("Expected the energies of at least two classes, got one", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Refine_Logits_AsksForProbabilities()
    {
        WriteArray([.. Enumerable.Repeat(-3.5f, 40)], [2, 4, 5]);

        await FailsAsync(
            "expected numbers from 0 to 1, got -3.5. Apply the softmax first, or give energies in nats with energies=true " +
            "(--energies).");
    }

    [Fact]
    public async Task Refine_EnergyNotFinite_IsRefused()
    {
        WriteArray([.. Enumerable.Repeat(float.NaN, 40)], [2, 4, 5]);

        await FailsAsync("cannot be refined", "--energies");
    }

    [Theory]
    [InlineData("{}", "kernels: expected a list, found none")]
    [InlineData("[{}]", "kernels[0].type: expected a value, found none")]
    [InlineData("[3]", "kernels[0]: expected an object")]
    [InlineData("{\"kernels\": 3}", "kernels: expected a list")]
    [InlineData("[]", "kernels: expected 1 to 4 kernels, got 0")]
    [InlineData("[{\"type\": \"gauss\"}]", "kernels[0].type: expected gaussian or bilateral, got \"gauss\"")]
    [InlineData("[{\"type\": \"gaussian\", \"sxy\": 3}]", "kernels[0].sxy: unknown key")]
    [InlineData(
        "[{\"type\": \"bilateral\", \"sx\": 3, \"sy\": 3, \"srgb\": [3], \"compatibility\": {\"kind\": \"potts\", " +
        "\"weight\": 3}}]",
        "kernels[0].srgb: expected 3 numbers, got 1")]
    [InlineData(
        "[{\"type\": \"gaussian\", \"sx\": 3, \"sy\": 0, \"compatibility\": {\"kind\": \"potts\", \"weight\": 3}}]",
        "kernels[0].sy: expected 0.1 to 500, got 0")]
    [InlineData(
        "[{\"type\": \"gaussian\", \"sx\": 3, \"sy\": 3, \"compatibility\": {\"kind\": \"diagonal\", \"values\": " +
        "[1, 2, 3]}}]",
        "of 2 labels, got 3")]
    [InlineData(
        "[{\"type\": \"gaussian\", \"sx\": 3, \"sy\": 3, \"compatibility\": {\"kind\": \"matrix\", \"values\": " +
        "[[1, 2], [3]]}}]",
        "as many numbers in each row as rows")]
    [InlineData("[", "k.json: ")]
    public async Task Refine_WrongKernels_NamesTheKey(string json, string message)
    {
        WriteArray(new float[40], [2, 4, 5]);
        await File.WriteAllTextAsync(_folder["k.json"], json);

        await FailsAsync(message, "--kernels", _folder["k.json"]);
    }

    [Theory]
    [InlineData("--gaussian-weight", "-1", "gaussian.weight: expected 0 to 100")]
    [InlineData("--iterations", "51", "iterations: expected 0 to 50")]
    public async Task Refine_ParameterOutOfRange_SaysTheRange(string option, string value, string message)
    {
        WriteArray(new float[40], [2, 4, 5]);

        await FailsAsync(message, option, value);
    }

    [Fact]
    public async Task Refine_KernelsTwice_IsRefused()
    {
        WriteArray(new float[40], [2, 4, 5]);

        (int exitCode, _, string error) = await RefineAsync("--kernels", _folder["k.json"], "--bilateral-rgb", "3");

        Assert.Equal(2, exitCode); // the command line is wrong, not a file
        Assert.Contains("Leave out one of the two", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Refine_NoArray_SaysSo()
    {
        WriteArray(new float[40], [2, 4, 5]);
        await File.WriteAllTextAsync(_folder["p.npy"], "1, 2, 3, 4, 5");

        await FailsAsync("p.npy: Expected an .npy file");
    }

    [Fact]
    public async Task Refine_LabelMap_IsSharpened()
    {
        CrfCase scene = new("c02_160x120_L5");
        WriteScene(scene);

        (int exitCode, _, string error) = await Cli.RunAsync(
            "refine", "--image", _folder["image.png"], "--label-map", WriteLabels(scene), "--label-confidence", "0.6", "--out",
            _folder["q.npy"], "--iterations", "0");

        Assert.Equal((0, ""), (exitCode, error));
        float[] unary = await ReadMarginalsAsync(scene);
        Assert.Equal(0.6f, unary[scene.Truth[0] * scene.Pixels], 1e-6f);
        Assert.Equal(0.1f, unary[(scene.Truth[0] + 1) % 5 * scene.Pixels], 1e-6f);
    }

    [Fact]
    public async Task Refine_NoScores_AsksForThem()
    {
        (int exitCode, _, string error) = await Cli.RunAsync("refine", "--image", "a.png", "--out", "q.npy");

        Assert.Equal(2, exitCode);
        Assert.Contains("--probabilities, --label-map: expected one of them", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Refine_OnAServer_WritesTheSameBytes()
    {
        await using ServerProcess server = await ServerProcess.StartAsync();
        CrfCase scene = new("c02_160x120_L5");
        WriteScene(scene);
        string[][] runs =
        [
            ["--probabilities", _folder["p.npy"], "--energies", "--iterations", "5"],
            ["--probabilities", _folder["p.npy"], "--energies", "--kernels", scene.JsonPath, "--quality", "fast"],
            ["--label-map", WriteLabels(scene), "--bilateral-xy", "40"],
        ];
        foreach (string[] run in runs)
        {
            string[] common = ["refine", "--image", _folder["image.png"], .. run];
            (int here, _, string error) = await Cli.RunAsync([.. common, "--out", _folder["q.npy"], "--labels", _folder["l.png"]]);
            (int there, string output, string errorOfServer) = await Cli.RunAsync(
                [.. common, "--out", _folder["q2.npy"], "--labels", _folder["l2.png"], "--server", $"{server.Address}"]);

            Assert.Equal((0, "", 0, ""), (here, error, there, errorOfServer));
            Assert.Equal([_folder["q2.npy"], _folder["l2.png"]], output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
            Assert.Equal(await File.ReadAllBytesAsync(_folder["q.npy"]), await File.ReadAllBytesAsync(_folder["q2.npy"]));
            Assert.Equal(await File.ReadAllBytesAsync(_folder["l.png"]), await File.ReadAllBytesAsync(_folder["l2.png"]));
        }
    }

    [Fact]
    public async Task Refine_ServerRefuses_SaysWhatItSays()
    {
        await using ServerProcess server = await ServerProcess.StartAsync();
        WriteArray([.. Enumerable.Repeat(-3.5f, 40)], [2, 4, 5]);

        await FailsAsync("expected numbers from 0 to 1, got -3.5", "--server", $"{server.Address}");
    }

    private async Task FailsAsync(string message, params string[] more)
    {
        (int exitCode, string output, string error) = await RefineAsync(more);

        Assert.Equal((1, ""), (exitCode, output));
        Assert.Contains(message, error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
        Assert.False(File.Exists(_folder["q.npy"]));
    }

    private Task<(int ExitCode, string Output, string Error)> RefineAsync(params string[] more) => Cli.RunAsync(
        ["refine", "--image", _folder["image.png"], "--probabilities", _folder["p.npy"], "--out", _folder["q.npy"], .. more]);

    private void WriteScene(CrfCase scene)
    {
        _folder.WriteRgb("image.png", scene.Rgb, scene.Width);
        WriteArrayOnly(scene.Energies, [scene.Labels, scene.Height, scene.Width]);
    }

    private string WriteLabels(CrfCase scene)
    {
        using NetVips.Image labels = NetVips.Image.NewFromMemory(
            scene.Truth, scene.Width, scene.Height, bands: 1, NetVips.Enums.BandFormat.Uchar);
        labels.WriteToFile(_folder["m.png"]);
        return _folder["m.png"];
    }

    private void WriteArray(float[] values, int[] shape)
    {
        _folder.WritePhoto("image.png", 5, 4, 10, 200, 30);
        WriteArrayOnly(values, shape);
    }

    private void WriteArrayOnly(float[] values, int[] shape)
    {
        using FileStream file = File.Create(_folder["p.npy"]);
        NpyFloats.Write(file, values, shape);
    }

    private Task<float[]> ReadMarginalsAsync(CrfCase scene) => ReadArrayAsync([scene.Labels, scene.Height, scene.Width]);

    private async Task<float[]> ReadArrayAsync(int[] shape)
    {
        await using FileStream file = File.OpenRead(_folder["q.npy"]);
        using NpyValues array = await NpyFloats.ReadAsync(file);
        Assert.Equal(shape, array.Header.Shape);
        return array.Values.Span.ToArray();
    }

    private static double MeanIoU(CrfCase scene, float[] marginals)
    {
        byte[] labels = new byte[scene.Pixels];
        ArgMax.Compute(marginals, scene.Labels, labels);
        ConfusionMatrix matrix = new(scene.Labels);
        matrix.Add(scene.Truth, labels);
        return matrix.MeanIoU();
    }
}
