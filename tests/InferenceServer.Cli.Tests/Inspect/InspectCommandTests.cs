using InferenceServer.Runtime.Manifests;

namespace InferenceServer.Cli.Tests.Inspect;

public sealed class InspectCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("tiny", nameof(OutputKind.Logits), 3)]
    [InlineData("tiny-stride8", nameof(OutputKind.Logits), 3)]
    [InlineData("tiny-labels", nameof(OutputKind.Labels), 3)]
    [InlineData("tiny-binary", nameof(OutputKind.BinaryLogit), 2)]
    [InlineData("tiny-probabilities", nameof(OutputKind.Probabilities), 3)]
    [InlineData("tiny-fixed", nameof(OutputKind.Logits), 3)]
    public async Task Inspect_Draft_PassesTheReaderAndServes(string model, string kind, int classes)
    {
        string graph = _folder["drafted", "1", "model.onnx"];
        Directory.CreateDirectory(Path.GetDirectoryName(graph)!);
        File.Copy(GraphOf(model), graph);

        (int exitCode, string output, string error) = await Cli.RunAsync("inspect", graph, "--manifest", _folder["drafted", "model.json"]);

        Assert.True(exitCode == 0, error);
        Assert.Contains("input", output, StringComparison.Ordinal);
        Assert.Contains("ImageNet", error, StringComparison.Ordinal);
        ModelManifest manifest = ManifestReader.Read(_folder["drafted"]);
        Assert.Equal("drafted", manifest.Name);
        Assert.Equal(Enum.Parse<OutputKind>(kind), manifest.Graph.OutputKind);
        Assert.Equal(classes, manifest.Classes.Names!.Count);
        Assert.Equal(16, manifest.Source!.Opset);
        string photo = _folder.WritePhoto("a.png", 30, 20, 10, 200, 30);
        (exitCode, _, error) = await Cli.RunAsync(
            "segment", photo, "--models", _folder.Path, "--model", "drafted", "--out", _folder["out"]);
        Assert.Equal((0, ""), (exitCode, error));
    }

    [Fact]
    public async Task Inspect_FilesOfAnExporter_AreInTheDraftAndNamed()
    {
        string graph = _folder["drafted", "1", "model.onnx"];
        Directory.CreateDirectory(Path.GetDirectoryName(graph)!);
        File.Copy(GraphOf("tiny"), graph);
        await File.WriteAllTextAsync(_folder["drafted", "config.json"], """{"id2label": {"0": "road", "1": "sky", "2": "tree"}}""");
        await File.WriteAllTextAsync(
            _folder["drafted", "preprocessor_config.json"],
            """{"image_mean": [0.5, 0.5, 0.5], "image_std": [0.25, 0.25, 0.25], "size": {"shortest_edge": 520}, "resample": 1}""");

        (int exitCode, _, string error) = await Cli.RunAsync("inspect", graph, "--manifest", _folder["drafted", "model.json"]);

        Assert.True(exitCode == 0, error);
        ModelManifest manifest = ManifestReader.Read(_folder["drafted"]);
        Assert.Equal(["road", "sky", "tree"], manifest.Classes.Names);
        Assert.Equal([0.5f, 0.5f, 0.5f], manifest.Preprocess.Mean);
        Assert.Equal(ResizeMode.ShortSide, manifest.Preprocess.Resize.Mode);
        Assert.Contains("Taken: classes.names: from ../config.json: id2label", error, StringComparison.Ordinal);
        Assert.Contains("Check: ../preprocessor_config.json: resample", error, StringComparison.Ordinal);
        Assert.DoesNotContain("ImageNet", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Inspect_WithoutManifestFile_PrintsTheDraftLast()
    {
        (int exitCode, string output, _) = await Cli.RunAsync("inspect", GraphOf("tiny-fixed"));

        Assert.Equal(0, exitCode);
        Assert.Contains("only 64×64", output, StringComparison.Ordinal);
        Directory.CreateDirectory(_folder["tiny-fixed"]);
        await File.WriteAllTextAsync(_folder["tiny-fixed", "model.json"], output[output.IndexOf('{', StringComparison.Ordinal)..]);
        Assert.Equal([64, 64], ManifestReader.Read(_folder["tiny-fixed"]).Preprocess.Size.Fixed!);
    }

    [Fact]
    public async Task Inspect_ExistingManifest_IsNotReplaced()
    {
        await File.WriteAllTextAsync(_folder["model.json"], "mine");

        (int exitCode, _, string error) = await Cli.RunAsync("inspect", GraphOf("tiny"), "--manifest", _folder["model.json"]);

        Assert.Equal(1, exitCode);
        Assert.Contains("exists. Choose another name", error, StringComparison.Ordinal);
        Assert.Equal("mine", await File.ReadAllTextAsync(_folder["model.json"]));
    }

    [Fact]
    public async Task Inspect_NoOnnxFile_SaysSo()
    {
        await File.WriteAllTextAsync(_folder["model.onnx"], "no graph");

        (int exitCode, _, string error) = await Cli.RunAsync("inspect", _folder["model.onnx"]);

        Assert.Equal(1, exitCode);
        Assert.Contains("no ONNX file", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Inspect_GraphThatCannotBeServed_WritesNoDraftAndFails()
    {
        (int exitCode, string output, string error) =
            await Cli.RunAsync("inspect", GraphOf("tiny-nan"), "--manifest", _folder["model.json"]);

        Assert.Equal(1, exitCode);
        Assert.Contains("NaN", error, StringComparison.Ordinal);
        Assert.DoesNotContain("schema", output, StringComparison.Ordinal);
        Assert.False(File.Exists(_folder["model.json"]));
    }

    [Theory]
    [InlineData("red\ngreen\r\n\n blue \n")]
    [InlineData("[\"red\", \"green\", \"blue\"]")]
    [InlineData("{\"1\": \"green\", \"0\": \"red\", \"2\": \"blue\"}")]
    [InlineData("{\"model_type\": \"segformer\", \"id2label\": {\"0\": \"red\", \"1\": \"green\", \"2\": \"blue\"}}")]
    public async Task Inspect_FileOfClasses_NamesThem(string text)
    {
        await File.WriteAllTextAsync(_folder["classes"], text);

        (int exitCode, _, string error) = await Cli.RunAsync(
            "inspect", GraphOf("tiny"), "--classes", _folder["classes"], "--manifest", _folder["drafted", "model.json"]);

        Assert.True(exitCode == 0, error);
        Assert.Equal(["red", "green", "blue"], ManifestReader.Read(_folder["drafted"]).Classes.Names!);
    }

    [Theory]
    [InlineData("", "expected one name on each line")]
    [InlineData("{\"red\": 0}", "expected one name on each line")]
    [InlineData("red\ngreen", "expected 3 names, one for each class of the graph, got 2")]
    public async Task Inspect_FileWithoutTheClasses_SaysSo(string text, string reason)
    {
        await File.WriteAllTextAsync(_folder["classes"], text);

        (int exitCode, _, string error) = await Cli.RunAsync("inspect", GraphOf("tiny"), "--classes", _folder["classes"]);

        Assert.Equal(1, exitCode);
        Assert.Contains(reason, error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--input", "images", "'images' is no input of the graph, which has input")]
    [InlineData("--output", "aux", "'aux' is no output of the graph, which has ")]
    public async Task Inspect_UnknownName_SaysWhatTheGraphHas(string option, string name, string reason)
    {
        (int exitCode, _, string error) = await Cli.RunAsync("inspect", GraphOf("tiny"), option, name);

        Assert.Equal(1, exitCode);
        Assert.Contains(reason, error, StringComparison.Ordinal);
    }

    private static string GraphOf(string model) => Path.Combine(Cli.Models, model, "1", "model.onnx");
}
