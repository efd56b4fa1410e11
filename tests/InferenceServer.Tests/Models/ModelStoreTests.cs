using System.Collections.Concurrent;
using System.Net;
using InferenceServer.Runtime.Storage;

namespace InferenceServer.Tests.Models;

/// <summary>Servers whose models are in a bucket, while models change and the store goes and comes.</summary>
public sealed class ModelStoreTests : IAsyncLifetime, IDisposable
{
    private static readonly string Fixture = Path.Combine(AppContext.BaseDirectory, "models", "tiny");
    private readonly S3Server _store = new();
    private readonly string _cache = Directory.CreateTempSubdirectory("cache-").FullName;
    private readonly ConcurrentDictionary<string, int> _answers = new();

    public async Task InitializeAsync()
    {
        await _store.InitializeAsync();
        if (S3Server.Missing is null)
        {
            await PutAsync("model.json", "model.json");
            await PutAsync("1/model.onnx", "1/model.onnx");
        }
    }

    public Task DisposeAsync() => Task.CompletedTask;

    public void Dispose()
    {
        _store.Dispose();
        Directory.Delete(_cache, recursive: true);
    }

    [S3Fact]
    public async Task TwoServers_VersionsComeAndTheStoreGoes_NoRequestFails()
    {
        using CancellationTokenSource done = new();
        SegmentationServer first = await StartAsync();
        await using SegmentationServer second = await StartAsync();
        Task[] clients = [AskAsync(second, done.Token), AskAsync(second, done.Token)];
        await ServesAsync(first, 1);
        await ServesAsync(second, 1);

        await PutAsync("2/model.onnx", "1/model.onnx");
        await ServesAsync(first, 2);
        await ServesAsync(second, 2);

        _store.Stop();
        await Eventually.TrueAsync(() => Failures(second) > 1);
        await ServesAsync(first, 2);
        Assert.Equal(HttpStatusCode.OK, (await second.Client.GetAsync("/health/ready")).StatusCode);

        await first.DisposeAsync();
        await using SegmentationServer restarted = await StartAsync(); // from the cache
        await ServesAsync(restarted, 2);
        Assert.Equal(HttpStatusCode.OK, (await restarted.Client.GetAsync("/health/ready")).StatusCode);

        await _store.StartAsync();
        await PutAsync("3/model.onnx", "1/model.onnx");
        await ServesAsync(restarted, 3);
        await ServesAsync(second, 3);

        await done.CancelAsync();
        await Task.WhenAll(clients);
        Assert.Empty(_answers.Keys.Except(["v1", "v2", "v3"]));
    }

    [S3Fact]
    public async Task NeitherStoreNorCache_SaysWhyAndKeepsTrying()
    {
        _store.Stop();

        await using SegmentationServer server = await StartAsync();

        using HttpResponseMessage ready = await server.Client.GetAsync("/health/ready");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, ready.StatusCode);
        string reason = await ready.Content.ReadAsStringAsync();
        Assert.Contains("s3://images/models: the store at http://127.0.0.1", reason, StringComparison.Ordinal);
        Assert.Contains("The server tries again.", reason, StringComparison.Ordinal);
        using HttpResponseMessage refused = await server.Client.PostAsync("/v1/segment/tiny", Photo.Content(Photo.Png));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);

        await _store.StartAsync();
        await ServesAsync(server, 1);
        Assert.Equal(HttpStatusCode.OK, (await server.Client.GetAsync("/health/ready")).StatusCode);
    }

    [S3Fact]
    public async Task Metrics_OfThePlace_SayWhenItWasSeen()
    {
        await using SegmentationServer server = await StartAsync();

        string metrics = await server.Client.GetStringAsync("/metrics");

        Assert.Contains("seg_model_store_age_seconds{", metrics, StringComparison.Ordinal);
        Assert.Contains("seg_model_store_failures_total{", metrics, StringComparison.Ordinal);
    }

    private static long Failures(SegmentationServer server) =>
        ((Runtime.Models.IModelSource)server.Services.GetService(typeof(Runtime.Models.IModelSource))!).Failures;

    private static async Task ServesAsync(SegmentationServer server, int version)
    {
        string answer = "";
        using CancellationTokenSource timeout = new(TimeSpan.FromMinutes(1));
        while (answer != $"v{version}")
        {
            timeout.Token.ThrowIfCancellationRequested();
            answer = await AnswerAsync(server);
        }
    }

    private static async Task<string> AnswerAsync(SegmentationServer server)
    {
        using HttpResponseMessage response = await server.Client.PostAsync(
            "/v1/segment/tiny", Photo.Content(Photo.Png), CancellationToken.None);
        if (response.IsSuccessStatusCode)
        {
            return "v" + Assert.Single(response.Headers.GetValues("X-Model-Version"));
        }

        return $"{response.StatusCode}: {await response.Content.ReadAsStringAsync(CancellationToken.None)}";
    }

    private async Task AskAsync(SegmentationServer server, CancellationToken done)
    {
        while (!done.IsCancellationRequested)
        {
            _answers.AddOrUpdate(await AnswerAsync(server), 1, static (_, count) => count + 1);
        }
    }

    private async Task PutAsync(string key, string file)
    {
        using FileStream content = File.OpenRead(Path.Combine(Fixture, file));
        await _store.Open($"s3://{S3Server.Bucket}/models/tiny")
            .WriteAsync(key, content, "application/octet-stream", WriteMode.Replace, default);
    }

    private Task<SegmentationServer> StartAsync() => SegmentationServer.StartAsync(
        ("Models:Path", $"s3://{S3Server.Bucket}/models"), ("Models:Cache", _cache), ("S3:Endpoint", _store.Url),
        ("Models:Watch", "Auto"), ("Models:PollInterval", "00:00:00.200"), ("Models:SettleTime", "00:00:00.050"));
}
