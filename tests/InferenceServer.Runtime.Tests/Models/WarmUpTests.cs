using InferenceServer.Runtime.Models;

namespace InferenceServer.Runtime.Tests.Models;

/// <summary>What a model has run before it serves.</summary>
public sealed class WarmUpTests : IDisposable
{
    private readonly ModelsFolder _folder = new();

    [Fact]
    public void Load_DeclaredSizesAndBatches_AreAllWarmedAndCounted()
    {
        _folder.Add("tiny", 1);
        _folder.EditManifest(
            "tiny", "\"schema\": 1,",
            "\"schema\": 1, \"warm_up\": { \"sizes\": [[24, 32], [64, 48]], \"batches\": [1, 4] },");
        using TestRuntime runtime = new(_folder.Path);
        List<LoadProgress> steps = [];

        ModelFolder folder = new(_folder.Combine("tiny"));
        runtime.Get<ModelLoader>().Load(folder, 1, folder.Stamp(1), steps.Add, CancellationToken.None).Dispose();

        foreach (string shape in (string[])["1×3×24×32", "4×3×24×32", "1×3×64×48", "4×3×64×48", "an image of 48×64"])
        {
            Assert.Contains(
                steps,
                s =>
                    s.Step.Contains("warming", StringComparison.Ordinal)
                        && s.Step.Contains(shape, StringComparison.Ordinal));
        }

        Assert.Equal(Enumerable.Range(0, steps.Count - 1), steps.Skip(1).Select(s => s.Done)); // the first only opens the file
        // The warm-up runs are counted after the trial runs.
        Assert.All(
            steps.Where(s => s.Step.Contains("warming", StringComparison.Ordinal)), s => Assert.Equal(steps.Count - 1, s.Total));
    }

    [Fact]
    public void Load_WithoutWarmUp_OnlyTriesTheModel()
    {
        _folder.Add("tiny", 1);
        using TestRuntime runtime = new(_folder.Path, ("Models:WarmUp", "false"));
        List<LoadProgress> steps = [];

        ModelFolder folder = new(_folder.Combine("tiny"));
        runtime.Get<ModelLoader>().Load(folder, 1, folder.Stamp(1), steps.Add, CancellationToken.None).Dispose();

        Assert.Contains(steps, s => s.Step.Contains("trying", StringComparison.Ordinal));
        Assert.DoesNotContain(steps, s => s.Step.Contains("warming", StringComparison.Ordinal));
    }

    [Fact]
    public void Load_BatchesThatMayBeFormed_AreWarmedWithoutBeingDeclared()
    {
        _folder.Add("tiny", 1);
        using TestRuntime runtime = new(_folder.Path, ("Batching:MaxBatchSize", "3"));
        List<LoadProgress> steps = [];

        ModelFolder folder = new(_folder.Combine("tiny"));
        runtime.Get<ModelLoader>().Load(folder, 1, folder.Stamp(1), steps.Add, CancellationToken.None).Dispose();

        string[] warmed = [.. steps.Select(s => s.Step).Where(s => s.Contains("warming", StringComparison.Ordinal))];
        Assert.All(
            (string[])["1×3×", "2×3×", "3×3×"],
            batch => Assert.Contains(warmed, s => s.Contains(batch, StringComparison.Ordinal)));
        Assert.DoesNotContain(warmed, s => s.Contains("4×3×", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("{ \"batches\": [9] }", "warm_up.batches")]
    [InlineData("{ \"sizes\": [[64]] }", "warm_up.sizes")]
    public void Load_WarmUpThatTheManifestForbids_NamesTheKey(string warmUp, string key)
    {
        _folder.Add("tiny", 1);
        _folder.EditManifest("tiny", "\"schema\": 1,", $"\"schema\": 1, \"warm_up\": {warmUp},");
        using TestRuntime runtime = new(_folder.Path);

        Assert.Contains(key, runtime.Repository.Entry("tiny").Reason, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();
}
