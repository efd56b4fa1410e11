using InferenceServer.Kernels;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Sessions;

namespace InferenceServer.Runtime.Tests.Models;

/// <summary>What follows from a change in the folder of models while models serve.</summary>
public sealed class HotReloadTests : IDisposable
{
    private readonly ModelsFolder _folder = new();

    [Fact]
    public void Refresh_NothingChanged_KeepsTheModel()
    {
        _folder.Add("tiny", 1);
        using TestRuntime runtime = new(_folder.Path);
        LoadedModel before = Serving(runtime);

        Settle(runtime);

        Assert.Same(before, Serving(runtime));
    }

    [Fact]
    public void Refresh_NewVersion_TakesOverOnceItsFilesHaveSettled()
    {
        _folder.Add("tiny", 1);
        using TestRuntime runtime = new(_folder.Path);
        _folder.Add("tiny", 2);

        Assert.True(runtime.Repository.Refresh(CancellationToken.None)); // seen, but perhaps still being written
        Assert.Equal(1, Serving(runtime).Version);
        Assert.False(runtime.Repository.Refresh(CancellationToken.None));
        Assert.Equal(2, Serving(runtime).Version);
    }

    [Fact]
    public void Refresh_FileThatGrows_IsNotLoadedUntilItIsWhole()
    {
        _folder.Add("tiny", 1);
        using TestRuntime runtime = new(_folder.Path);
        string file = _folder.Add("tiny", 2);
        byte[] graph = File.ReadAllBytes(file);
        foreach (int length in (int[])[1, graph.Length / 3, graph.Length / 2])
        {
            File.WriteAllBytes(file, graph[..length]);
            Assert.True(runtime.Repository.Refresh(CancellationToken.None));
            Assert.Equal((1, null), (Serving(runtime).Version, runtime.Repository.Entry("tiny").Reason));
        }

        File.WriteAllBytes(file, graph);
        Settle(runtime);
        Assert.Equal((2, null), (Serving(runtime).Version, runtime.Repository.Entry("tiny").Reason));
    }

    [Fact]
    public void Refresh_HalfAFileThatStaysSo_KeepsTheOldVersionUntilTheRestComes()
    {
        _folder.Add("tiny", 1);
        using TestRuntime runtime = new(_folder.Path);
        string file = _folder.Add("tiny", 2);
        byte[] graph = File.ReadAllBytes(file);
        File.WriteAllBytes(file, graph[..(graph.Length / 2)]);

        Settle(runtime);
        ModelEntry entry = runtime.Repository.Entry("tiny");
        Assert.Equal((ModelState.Ready, 1), (entry.State, entry.Model?.Version));
        Assert.Contains("tiny/2/model.onnx", entry.Reason, StringComparison.Ordinal);

        File.WriteAllBytes(file, graph);
        Settle(runtime);
        Assert.Equal((2, null), (Serving(runtime).Version, runtime.Repository.Entry("tiny").Reason));
    }

    [Fact]
    public void Refresh_ManifestChanged_LoadsTheSameVersionAgain()
    {
        _folder.Add("tiny", 1);
        using TestRuntime runtime = new(_folder.Path);
        _folder.EditManifest("tiny", "\"red\"", "\"scarlet\"");

        Settle(runtime);

        Assert.Equal("scarlet", Serving(runtime).Classes.Names[0]);
    }

    [Fact]
    public void Refresh_ManifestBroken_KeepsTheOldOneAndSaysWhy()
    {
        _folder.Add("tiny", 1);
        using TestRuntime runtime = new(_folder.Path);
        LoadedModel before = Serving(runtime);
        _folder.EditManifest("tiny", "\"output_stride\": 4", "\"output_stride\": 8");

        Settle(runtime);

        Assert.Same(before, Serving(runtime));
        Assert.Contains("output_stride", runtime.Repository.Entry("tiny").Reason, StringComparison.Ordinal);
        Run(before);
    }

    [Fact]
    public void Refresh_VersionRemoved_GoesBackToTheOneBefore()
    {
        _folder.Add("tiny", 1);
        _folder.Add("tiny", 2);
        using TestRuntime runtime = new(_folder.Path);
        _folder.Remove("tiny", "2");

        Settle(runtime);

        Assert.Equal(1, Serving(runtime).Version);
    }

    [Fact]
    public void Refresh_ModelsAddedAndRemoved_AreServedAndForgotten()
    {
        _folder.Add("tiny", 1);
        _folder.Add("tiny-labels", 1);
        using TestRuntime runtime = new(_folder.Path);
        using ModelLease lease = runtime.Repository.Lease("tiny-labels");
        _folder.Remove("tiny-labels");
        _folder.Add("tiny-binary", 1);

        Settle(runtime);

        Assert.Equal(["tiny", "tiny-binary"], runtime.Repository.Entries.Select(e => e.Name));
        Assert.Equal(
            SegmentationError.UnknownModel,
            Assert.Throws<SegmentationException>(() => runtime.Repository.Lease("tiny-labels")).Error);
        Run(lease.Model); // a request that was under way
        lease.Dispose();
        Assert.True(lease.Model.IsFreed);
    }

    [Fact]
    public void Refresh_FolderEmptyOfASudden_KeepsServing()
    {
        _folder.Add("tiny", 1);
        using TestRuntime runtime = new(_folder.Path);
        _folder.Remove("tiny");

        Settle(runtime);

        Run(Serving(runtime));
    }

    [Fact]
    public void Refresh_BadVersion_IsNotTriedAgainUntilItChanges()
    {
        _folder.Add("tiny", 1);
        _folder.AddBroken("tiny", 2);
        using TestRuntime runtime = new(_folder.Path);
        LoadedModel before = Serving(runtime);
        _folder.Add("tiny", 0); // no version, so the folder is what it was

        Settle(runtime);

        Assert.Same(before, Serving(runtime));
        Assert.Contains("tiny/2/model.onnx", runtime.Repository.Entry("tiny").Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Lease_ModelReplaced_KeepsItsSessionUntilTheLastOneIsGivenUp()
    {
        _folder.Add("tiny", 1);
        using TestRuntime runtime = new(_folder.Path);
        ModelLease first = runtime.Repository.Lease("tiny"), second = runtime.Repository.Lease("tiny");
        LoadedModel old = first.Model;
        _folder.Add("tiny", 2);
        Settle(runtime);

        Assert.Equal(2, Serving(runtime).Version);
        first.Dispose();
        first.Dispose();
        Run(old);
        Assert.False(old.IsFreed);

        second.Dispose();

        Assert.True(old.IsFreed);
        Assert.Null(old.TryLease());
        Assert.True(old.Scheduler.Close(TimeSpan.Zero)); // its threads have ended
    }

    [Fact]
    public async Task Lease_WhileVersionsAreSwapped_NeverGivesAFreedModel()
    {
        _folder.Add("tiny", 1);
        using TestRuntime runtime = new(_folder.Path);
        using CancellationTokenSource done = new();
        Task[] clients = [.. Enumerable.Range(0, 4).Select(_ => Task.Run(() =>
        {
            while (!done.IsCancellationRequested)
            {
                using ModelLease lease = runtime.Repository.Lease("tiny");
                Run(lease.Model);
            }
        }))];
        List<LoadedModel> old = [];
        for (int swap = 0; swap < 10; swap++)
        {
            old.Add(Serving(runtime));
            runtime.Repository.Reload("tiny", CancellationToken.None);
        }

        await done.CancelAsync();
        await Task.WhenAll(clients);

        Assert.All(old, model => Assert.True(model.IsFreed));
        Assert.False(Serving(runtime).IsFreed);
    }

    [Theory]
    [InlineData("latest", new[] { 3 })]
    [InlineData("2", new[] { 3, 2 })]
    [InlineData("all", new[] { 3, 2, 1 })]
    public void Versions_Policy_DecidesHowManyServe(string policy, int[] expected)
    {
        _folder.Add("tiny", 1);
        _folder.Add("tiny", 2);
        _folder.Add("tiny", 3);
        _folder.AddBroken("tiny", 4);
        using TestRuntime runtime = new(_folder.Path, ("Models:Versions", policy));

        Assert.Equal(expected, runtime.Repository.Entry("tiny").Versions.Select(m => m.Version));
        foreach (int version in expected)
        {
            using ModelLease lease = runtime.Repository.Lease("tiny", version);
            Assert.Equal(version, lease.Model.Version);
        }

        SegmentationException e = Assert.Throws<SegmentationException>(() => runtime.Repository.Lease("tiny", 4));
        Assert.Equal(SegmentationError.UnknownModel, e.Error);
        Assert.Contains("use one of: " + string.Join(", ", expected), e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Unload_ThenReload_FreesAndServesAgain()
    {
        _folder.Add("tiny", 1);
        using TestRuntime runtime = new(_folder.Path);
        LoadedModel old = Serving(runtime);

        ModelEntry unloaded = runtime.Repository.Unload("tiny", CancellationToken.None);
        Assert.Equal(ModelState.Unavailable, unloaded.State);
        Assert.True(old.IsFreed);
        Assert.Equal(SegmentationError.ModelNotReady, Assert.Throws<SegmentationException>(() => runtime.Repository.Lease("tiny")).Error);

        _folder.Add("tiny", 2);
        Settle(runtime);
        Assert.Null(runtime.Repository.Entry("tiny").Model); // what was unloaded stays so

        Assert.Equal(2, runtime.Repository.Reload("tiny", CancellationToken.None).Model?.Version);
    }

    [Fact]
    public void Reload_Cancelled_LeavesWhatServes()
    {
        _folder.Add("tiny", 1);
        using TestRuntime runtime = new(_folder.Path);
        LoadedModel before = Serving(runtime);

        Assert.ThrowsAny<OperationCanceledException>(() => runtime.Repository.Reload("tiny", new CancellationToken(canceled: true)));

        Assert.Same(before, Serving(runtime));
        Assert.Null(runtime.Repository.Entry("tiny").Progress);
        Run(before);
    }

    [Fact]
    public void Refresh_NewModelWithoutTheRequiredGpu_IsUnavailableAndEndsNothing()
    {
        // A device that no machine has.
        using TestRuntime runtime = new(_folder.Path, ("Onnx:RequireGpu", "true"), ("Onnx:GpuDevice", "63"));
        _folder.Add("tiny", 1);

        Settle(runtime);
        Assert.Equal(ModelState.Unavailable, runtime.Repository.Entry("tiny").State);
        Assert.Contains("Onnx:RequireGpu", runtime.Repository.Entry("tiny").Reason, StringComparison.Ordinal);

        ModelEntry asked = runtime.Repository.Reload("tiny", CancellationToken.None);
        Assert.Equal(ModelState.Unavailable, asked.State);
        Assert.Contains("Onnx:RequireGpu", asked.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Refresh_LinkThatLeadsElsewhere_LoadsWhatLiesThere()
    {
        using ModelsFolder releases = new();
        foreach (string release in (string[])["v1", "v2"])
        {
            string graph = releases.Add("tiny", 1, release);
            File.SetLastWriteTimeUtc(graph, DateTime.UnixEpoch); // as archives that are the same whenever they are made
            File.SetLastWriteTimeUtc(releases.Combine(release, "model.json"), DateTime.UnixEpoch);
        }

        Directory.CreateSymbolicLink(releases.Combine("current"), "v1");
        Directory.CreateSymbolicLink(_folder.Combine("tiny"), releases.Combine("current"));
        using TestRuntime runtime = new(_folder.Path);
        LoadedModel before = Serving(runtime);

        Directory.Delete(releases.Combine("current"));
        Directory.CreateSymbolicLink(releases.Combine("current"), "v2");
        Settle(runtime);

        Assert.NotSame(before, Serving(runtime));
        Assert.True(before.IsFreed);
    }

    [Fact]
    public void Refresh_ModelWithoutVersionOrManifestRemoved_IsForgotten()
    {
        _folder.Add("tiny", 1);
        File.WriteAllText(Path.Combine(Directory.CreateDirectory(_folder.Combine("bare")).FullName, "my.onnx"), "no graph");
        using TestRuntime runtime = new(_folder.Path);
        Assert.NotNull(runtime.Repository.Find("bare"));
        _folder.Remove("bare");

        Settle(runtime);

        Assert.Null(runtime.Repository.Find("bare"));
    }

    [Fact]
    public async Task Lease_RepositoryDisposed_IsRefused()
    {
        _folder.Add("tiny", 1);
        using TestRuntime runtime = new(_folder.Path);
        ModelRepository repository = runtime.Repository;
        runtime.Dispose();

        Task<ModelLease> late = Task.Run(() => repository.Lease("tiny"));

        SegmentationException e = await Assert.ThrowsAsync<SegmentationException>(() => late.WaitAsync(TimeSpan.FromMinutes(1)));
        Assert.Equal(SegmentationError.ModelNotReady, e.Error);
    }

    public void Dispose() => _folder.Dispose();

    private static LoadedModel Serving(TestRuntime runtime) => runtime.Repository.Entry("tiny").Model!;

    private static void Settle(TestRuntime runtime)
    {
        for (int look = 0; runtime.Repository.Refresh(CancellationToken.None); look++)
        {
            Assert.True(look < 3);
        }
    }

    private static void Run(LoadedModel model)
    {
        using InputTensor input = new(1, new ImageSize(16, 16), TensorLayout.Float32Nchw(3));
        input.Values.Span.Clear();
        using ModelOutput output = model.Session.Run(input, CancellationToken.None);
        Assert.Equal(1, output.Shape[0]);
    }
}
