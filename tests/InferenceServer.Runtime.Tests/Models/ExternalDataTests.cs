using System.Security.Cryptography;
using InferenceServer.Runtime.Models;

namespace InferenceServer.Runtime.Tests.Models;

/// <summary>A graph may keep its weights in files of its own folder, and in no others: a stranger's graph would read
/// whatever the server can.</summary>
public sealed class ExternalDataTests : IDisposable
{
    private readonly ModelsFolder _folder = new();

    [Fact]
    public void Load_WeightsBesideTheGraph_Serves()
    {
        Add("beside", "1", "weights.bin");

        using TestRuntime runtime = new(_folder.Path);

        Assert.Equal((ModelState.Ready, null), State(runtime));
    }

    [Fact]
    public void Load_WeightsOutsideTheFolder_IsRefused()
    {
        Add("parent", "weights.bin"); // they are there, and of the right length

        using TestRuntime runtime = new(_folder.Path);

        (ModelState state, string? reason) = State(runtime);
        Assert.Equal(ModelState.Unavailable, state);
        Assert.Contains("external", reason, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void Load_WeightsThatAreMissing_IsRefused()
    {
        Add("beside", "elsewhere.bin");

        using TestRuntime runtime = new(_folder.Path);

        Assert.Equal(ModelState.Unavailable, State(runtime).State);
    }

    [Fact]
    public void Load_WeightsWithTheirHash_Serves()
    {
        Add("beside", "1", "weights.bin");
        Expect("weights.bin", Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(Asset("weights.bin")))));

        using TestRuntime runtime = new(_folder.Path);

        Assert.Equal((ModelState.Ready, null), State(runtime));
    }

    [Theory]
    [InlineData("weights.bin", "source.weights.weights.bin: expected 0000")]
    [InlineData("absent.bin", "source.weights.absent.bin: expected the file to exist")]
    [InlineData("../model.json", "source.weights: expected names of files beside the graph")]
    public void Load_WeightsThatAreNotThoseOfTheManifest_IsRefused(string file, string reason)
    {
        Add("beside", "1", "weights.bin");
        Expect(file, new string('0', 64));

        using TestRuntime runtime = new(_folder.Path);

        Assert.Contains(reason, State(runtime).Reason, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();

    private static (ModelState State, string? Reason) State(TestRuntime runtime)
    {
        ModelEntry entry = Assert.Single(runtime.Repository.Entries);
        return (entry.State, entry.Reason);
    }

    private void Add(string graph, params string[] weights)
    {
        string target = _folder.Add("tiny", 1);
        File.Copy(Asset(graph + ".onnx"), target, overwrite: true);
        File.Copy(Asset("weights.bin"), _folder.Combine(["tiny", .. weights]));
    }

    private void Expect(string file, string hash) => _folder.EditManifest("tiny", "\"schema\": 1", $$"""
        "schema": 1, "source": { "weights": { "{{file}}": "{{hash}}" } }
        """);

    private static string Asset(string name) => Path.Combine(AppContext.BaseDirectory, "assets", "external", name);
}
