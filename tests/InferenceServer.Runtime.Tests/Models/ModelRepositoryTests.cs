using InferenceServer.Runtime.Models;

namespace InferenceServer.Runtime.Tests.Models;

public sealed class ModelRepositoryTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;

    [Fact]
    public void Load_FolderOfGoodAndBadModels_ServesTheGoodAndExplainsTheBad()
    {
        using TestRuntime runtime = new(Assets.Models);

        Dictionary<string, ModelEntry> entries = runtime.Repository.Entries.ToDictionary(e => e.Name);
        foreach (string good in (string[])[
            "tiny", "tiny-labels", "tiny-binary", "tiny-probabilities", "tiny-fixed", "tiny-stride8", "tiny-embedded"
        ])
        {
            Assert.Equal((ModelState.Ready, null), (entries[good].State, entries[good].Reason));
        }

        Assert.Equal(ModelState.Unavailable, entries["tiny-nan"].State);
        Assert.Contains("NaN", entries["tiny-nan"].Reason, StringComparison.Ordinal);
        Assert.Contains("tiny-nan/1/model.onnx", entries["tiny-nan"].Reason, StringComparison.Ordinal);
        Assert.Equal(ModelState.Unavailable, entries["tiny-wrong-classes"].State);
        Assert.Contains(
            "classes.names: expected 4 channels for 4 names, got 3", entries["tiny-wrong-classes"].Reason,
            StringComparison.Ordinal);
    }

    /// <summary>A change to tiny's manifest that its graph contradicts, and what the reason must say.</summary>
    public static TheoryData<string, string, string> Contradictions => new()
    {
        { "\"input\": \"input\"", "\"input\": \"image\"", "graph.input: 'image' is not in the graph, which has input" },
        { "\"output\": \"logits\"", "\"output\": \"mask\"", "graph.output: 'mask' is not in the graph, which has logits" },
        { "\"output_stride\": 4", "\"output_stride\": 8", "graph.output_stride: expected an output for stride 8, scale 1" },
        { "\"output_kind\": \"logits\"", "\"output_kind\": \"labels\"", "graph.output: expected labels, one number for each pixel" },
        {
            "\"schema\": 1",
            "\"schema\": 1, \"source\": {\"sha256\": " +
            "\"0000000000000000000000000000000000000000000000000000000000000000\"}",
            "source.sha256: expected 0000"
        },
        { "\"schema\": 1", "\"schema\": 1, \"colour\": true", "expected a known key, got 'colour'" },
    };

    [Theory, MemberData(nameof(Contradictions))]
    public void Load_ManifestThatTheGraphContradicts_NamesTheKey(string from, string to, string reason)
    {
        Copy("tiny", "1");
        string manifest = Path.Combine(_folder, "tiny", "model.json");
        string text = File.ReadAllText(manifest);
        Assert.Contains(from, text, StringComparison.Ordinal);
        File.WriteAllText(manifest, text.Replace(from, to, StringComparison.Ordinal));

        using TestRuntime runtime = new(_folder);

        ModelEntry entry = Assert.Single(runtime.Repository.Entries);
        Assert.Equal(ModelState.Unavailable, entry.State);
        Assert.Contains(reason, entry.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_BatchAxisFixedInTheGraph_IsFoundByTheTrial()
    {
        Copy("tiny-fixed", "1");
        string manifest = Path.Combine(_folder, "tiny-fixed", "model.json");
        File.WriteAllText(manifest, File.ReadAllText(manifest).Replace("\"max_batch\": 1", "\"max_batch\": 2", StringComparison.Ordinal));

        using TestRuntime runtime = new(_folder);

        Assert.Contains("graph.max_batch", Assert.Single(runtime.Repository.Entries).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_LargestVersionBroken_ServesTheOlderAndSaysWhy()
    {
        Copy("tiny", "3");
        Copy("tiny", "20");
        File.WriteAllText(Path.Combine(_folder, "tiny", "20", "model.onnx"), "no graph");

        using TestRuntime runtime = new(_folder);

        ModelEntry entry = Assert.Single(runtime.Repository.Entries);
        Assert.Equal((ModelState.Ready, 3), (entry.State, entry.Model?.Version));
        Assert.Contains("model.onnx", entry.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_SeveralVersions_ServesTheLargestNumber()
    {
        Copy("tiny", "9");
        Copy("tiny", "10");
        using TestRuntime runtime = new(_folder);
        Assert.Equal(10, runtime.Repository.Entry("tiny").Model?.Version);
    }

    [Fact]
    public void Load_NoVersionFolder_SaysWhatWasExpected()
    {
        Copy("tiny", "latest");
        using TestRuntime runtime = new(_folder);
        Assert.Contains("tiny/1/model.onnx", Assert.Single(runtime.Repository.Entries).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Get_UnknownModel_ListsThoseThereAre()
    {
        Copy("tiny", "1");
        using TestRuntime runtime = new(_folder);
        SegmentationException e = Assert.Throws<SegmentationException>(() => runtime.Repository.Lease("huge"));
        Assert.Equal(SegmentationError.UnknownModel, e.Error);
        Assert.Contains("use one of: tiny", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Get_NoName_TakesTheOnlyModelOrTheConfiguredOne()
    {
        Copy("tiny", "1");
        using (TestRuntime one = new(_folder))
        {
            Assert.Equal("tiny", one.Repository.Lease(null).Model.Name);
        }

        Copy("tiny-labels", "1");
        using (TestRuntime two = new(_folder))
        {
            Assert.Equal(SegmentationError.UnknownModel, Assert.Throws<SegmentationException>(() => two.Repository.Lease(null)).Error);
        }

        using TestRuntime configured = new(_folder, ("Models:Default", "tiny-labels"));
        Assert.Equal("tiny-labels", configured.Repository.Lease(null).Model.Name);
    }

    [Fact]
    public void IsReady_RequiredModelUnavailable_IsFalseAndSaysWhy()
    {
        Copy("tiny", "1");
        Copy("tiny-nan", "1");
        using TestRuntime required = new(_folder, ("Models:Required:0", "tiny"), ("Models:Required:1", "tiny-nan"));
        Assert.False(required.Repository.IsReady);
        Assert.Contains("tiny-nan", Assert.Single(required.Repository.NotReady()), StringComparison.Ordinal);

        using TestRuntime any = new(_folder);
        Assert.True(any.Repository.IsReady);
    }

    [Fact]
    public void Load_GraphWithoutVersionOrManifest_IsListedWithWhatItLacks()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "bare"));
        File.Copy(Path.Combine(Assets.Models, "tiny", "1", "model.onnx"), Path.Combine(_folder, "bare", "my.onnx"));
        Directory.CreateDirectory(Path.Combine(_folder, "tools")); // no graph in it: no model either
        using TestRuntime runtime = new(_folder);
        ModelEntry entry = Assert.Single(runtime.Repository.Entries);
        Assert.Equal(("bare", ModelState.Unavailable), (entry.Name, entry.State));
        Assert.Contains("bare/model.json", entry.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Default_ConfiguredOneIsGoneAndOneModelIsThere_IsThatModel()
    {
        Copy("tiny", "1");
        using TestRuntime runtime = new(_folder, ("Models:Default", "shipped-before"));
        Assert.Equal("tiny", runtime.Repository.Lease(null).Model.Name);
        Assert.True(runtime.Repository.IsReady);
    }

    [Fact]
    public void Name_OfOneModelsFolder_IsTheModels()
    {
        Copy("tiny", "1");
        using TestRuntime runtime = new(Path.Combine(_folder, "tiny"), ("Models:Name", "road"), ("Models:Default", "road"));
        Assert.Equal("road", Assert.Single(runtime.Repository.Entries).Name);
        Assert.Equal("road", runtime.Repository.Lease("road").Model.Name);
    }

    [Fact]
    public void Name_OfAFolderOfModels_IsRefused()
    {
        Copy("tiny", "1");
        Assert.Contains(
            "Models:Name",
            Assert.Throws<FileNotFoundException>(() => new TestRuntime(_folder, ("Models:Name", "road"))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Load_MissingFolder_NamesTheKey() =>
        Assert.Contains(
            "Models:Path",
            Assert.Throws<DirectoryNotFoundException>(() => new TestRuntime(Path.Combine(_folder, "none"))).Message,
            StringComparison.Ordinal);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private void Copy(string model, string version)
    {
        string target = Directory.CreateDirectory(Path.Combine(_folder, model, version)).FullName;
        File.Copy(Path.Combine(Assets.Models, model, "1", "model.onnx"), Path.Combine(target, "model.onnx"));
        File.Copy(Path.Combine(Assets.Models, model, "model.json"), Path.Combine(_folder, model, "model.json"), overwrite: true);
    }
}
