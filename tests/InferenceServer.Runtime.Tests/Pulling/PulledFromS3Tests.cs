using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Storage;
using InferenceServer.Tests;

namespace InferenceServer.Runtime.Tests.Pulling;

/// <summary>Models of a bucket, loaded and run.</summary>
public sealed class PulledFromS3Tests(S3Server server) : IClassFixture<S3Server>, IDisposable
{
    private readonly string _cache = Directory.CreateTempSubdirectory("cache-").FullName;
    private readonly string _place = $"s3://{S3Server.Bucket}/{Guid.NewGuid():N}";

    [S3Fact]
    public async Task Load_WeightsBesideTheGraph_Serves()
    {
        string assets = Path.Combine(AppContext.BaseDirectory, "assets", "external");
        await PutAsync("tiny/model.json", Manifest());
        await PutAsync("tiny/1/model.onnx", Path.Combine(assets, "beside.onnx"));
        await PutAsync("tiny/1/weights.bin", Path.Combine(assets, "weights.bin"));

        using TestRuntime runtime = Start();

        ModelEntry entry = Assert.Single(runtime.Repository.Entries);
        Assert.Equal(("tiny", ModelState.Ready, null), (entry.Name, entry.State, entry.Reason));
    }

    [S3Fact]
    public async Task Refresh_NothingNew_KeepsTheLoadedModel()
    {
        await PutAsync("tiny/model.json", Manifest());
        await PutAsync("tiny/1/model.onnx", Graph);
        using TestRuntime runtime = Start();
        LoadedModel before = runtime.Repository.Entry("tiny").Model!;

        for (int looks = 0; looks < 3; looks++)
        {
            Assert.False(runtime.Repository.Refresh(CancellationToken.None));
        }

        Assert.Same(before, runtime.Repository.Entry("tiny").Model);
    }

    [S3Fact]
    public async Task Refresh_BrokenVersion_KeepsTheOldOne()
    {
        await PutAsync("tiny/model.json", Manifest());
        await PutAsync("tiny/1/model.onnx", Graph);
        using TestRuntime runtime = Start();
        LoadedModel before = runtime.Repository.Entry("tiny").Model!;
        await PutAsync("tiny/2/model.onnx", Manifest());

        Settle(runtime);

        Assert.Same(before, runtime.Repository.Entry("tiny").Model);
        string reason = $"{runtime.Repository.Entry("tiny").Reason} {runtime.Get<IModelSource>().Problem}";
        Assert.Contains("tiny/2", reason, StringComparison.Ordinal);

        using TestRuntime restarted = Start();
        Assert.Equal(1, restarted.Repository.Entry("tiny").Model!.Version);
    }

    [S3Fact]
    public async Task Refresh_ModelRemovedFromTheStore_IsUnknown()
    {
        await PutAsync("tiny/model.json", Manifest());
        await PutAsync("tiny/1/model.onnx", Graph);
        await PutAsync("other/model.json", Manifest());
        await PutAsync("other/1/model.onnx", Graph);
        using TestRuntime runtime = Start();
        Assert.Equal(2, runtime.Repository.Entries.Count());
        IObjectStore store = server.Open(_place);
        await store.DeleteAsync("other/model.json", default);
        await store.DeleteAsync("other/1/model.onnx", default);

        Settle(runtime);

        Assert.Equal(["tiny"], runtime.Repository.Entries.Select(entry => entry.Name));
    }

    [S3Fact]
    public void Load_EmptyPlace_IsNotReadyAndSaysWhy()
    {
        using TestRuntime runtime = Start();

        Assert.Equal(["No model is ready.", $"{_place} has no model."], runtime.Repository.NotReady());
        SegmentationException refusal = Assert.Throws<SegmentationException>(() => runtime.Repository.Lease("tiny"));
        Assert.Equal(SegmentationError.ModelNotReady, refusal.Error);
    }

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(_cache, recursive: true);

    private static string Graph => Path.Combine(Assets.Models, "tiny", "1", "model.onnx");

    private static string Manifest() => Path.Combine(Assets.Models, "tiny", "model.json");

    private static void Settle(TestRuntime runtime)
    {
        for (int looks = 0; looks < 5 && runtime.Repository.Refresh(CancellationToken.None); looks++)
        {
        }
    }

    private async Task PutAsync(string key, string file)
    {
        // The manifest of the fixture names its model; these models have other names.
        string text = file.EndsWith(".json", StringComparison.Ordinal) ? await File.ReadAllTextAsync(file) : "";
        using Stream content = text.Length > 0
            ? new MemoryStream(System.Text.Encoding.UTF8.GetBytes(text.Replace("\"name\": \"tiny\",", "", StringComparison.Ordinal)))
            : File.OpenRead(file);
        await server.Open(_place).WriteAsync(key, content, "application/octet-stream", WriteMode.Replace, default);
    }

    private TestRuntime Start() => new(
        _place, ("Models:Cache", _cache), ("Models:SettleTime", "00:00:00.010"), ("S3:Endpoint", server.Url));
}
