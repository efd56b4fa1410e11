using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using InferenceServer.Tests.Telemetry;

namespace InferenceServer.Tests.OpenInference;

/// <summary>Counts that agree with each other and with the metrics.</summary>
public sealed class StatisticsTests : IAsyncLifetime
{
    private SegmentationServer _server = null!;

    public async Task InitializeAsync() => _server = await SegmentationServer.StartAsync();

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task Stats_BeforeAnyRequest_AreAllThereAndZero()
    {
        JsonElement entry = await StatsAsync("/v2/models/tiny/stats");

        Assert.Equal(
            [
                "name", "version", "last_inference", "inference_count", "execution_count", "inference_stats",
                "batch_stats", "memory_usage"
            ],
            entry.EnumerateObject().Select(m => m.Name));
        Assert.Equal("1", entry.GetProperty("version").GetString());
        Assert.Equal(
            [
                "success", "fail", "queue", "compute_input", "compute_infer", "compute_output", "cache_hit",
                "cache_miss"
            ],
            entry.GetProperty("inference_stats").EnumerateObject().Select(m => m.Name));
        Assert.All(
            entry.GetProperty("inference_stats").EnumerateObject(),
            s =>
                Assert.Equal(
                    (0L, 0L), (s.Value.GetProperty("count").GetInt64(), s.Value.GetProperty("ns").GetInt64())));
        Assert.Equal(0, entry.GetProperty("last_inference").GetInt64());
    }

    [Fact]
    public async Task Stats_AfterRequestsOfEveryKind_AgreeWithEachOther()
    {
        using Measurements measured = new(_server);
        for (int i = 0; i < 3; i++)
        {
            using HttpResponseMessage v1 = await _server.Client.PostAsync("/v1/segment/tiny", Photo.Content(Photo.Png));
            using HttpResponseMessage v2 = await _server.Client.PostAsync("/v2/models/tiny.image/infer", InferCall.Raw(Photo.Png));
            Assert.Equal((HttpStatusCode.OK, HttpStatusCode.OK), (v1.StatusCode, v2.StatusCode));
        }

        using HttpResponseMessage refused = await _server.Client.PostAsync("/v2/models/tiny.image/infer", InferCall.Raw([1, 2, 3]));
        await measured.UntilAsync("seg_requests_rejected_total{model=tiny,reason=bad_image}", 1);
        await measured.UntilAsync("seg_requests_total{code=200,model=tiny,route=/v2/models/{model}/infer,version=1}", 3);
        await measured.UntilAsync("seg_requests_total{code=200,model=tiny,route=/v1/segment/{model},version=1}", 3);

        JsonElement entry = await StatsAsync("/v2/models/tiny.image/versions/1/stats");

        JsonElement stats = entry.GetProperty("inference_stats");
        Assert.All(["success", "queue", "compute_input", "compute_infer", "compute_output"], name => Assert.Equal(6, Count(stats, name)));
        Assert.Equal(1, Count(stats, "fail"));
        Assert.True(
            Time(stats, "success") >= Time(stats, "queue") +
                Time(stats, "compute_input") +
                Time(stats, "compute_infer") +
                Time(stats, "compute_output"));
        Assert.True(Time(stats, "compute_infer") > 0);
        Assert.Equal((6L, 6L), (entry.GetProperty("inference_count").GetInt64(), entry.GetProperty("execution_count").GetInt64()));
        JsonElement batch = Assert.Single(entry.GetProperty("batch_stats").EnumerateArray());
        Assert.Equal(1, batch.GetProperty("batch_size").GetInt64());
        Assert.All(["compute_input", "compute_infer", "compute_output"], name => Assert.Equal(6, Count(batch, name)));
        Assert.InRange(
            DateTimeOffset.FromUnixTimeMilliseconds(entry.GetProperty("last_inference").GetInt64()),
            DateTimeOffset.UtcNow.AddMinutes(-10), DateTimeOffset.UtcNow);
        Assert.Equal("tiny.image", entry.GetProperty("name").GetString());
    }

    [Fact]
    public async Task Stats_OfAll_HaveEachModelThatServesOnce()
    {
        JsonElement all = (await _server.Client.GetFromJsonAsync<JsonElement>("/v2/models/stats")).GetProperty("model_stats");

        string[] names = [.. all.EnumerateArray().Select(e => e.GetProperty("name").GetString()!)];
        Assert.Contains("tiny", names);
        Assert.DoesNotContain("tiny-nan", names);
        Assert.Distinct(names);
    }

    private static long Count(JsonElement stats, string name) => stats.GetProperty(name).GetProperty("count").GetInt64();

    private static long Time(JsonElement stats, string name) => stats.GetProperty(name).GetProperty("ns").GetInt64();

    private async Task<JsonElement> StatsAsync(string path) =>
        Assert.Single(
            (await _server.Client.GetFromJsonAsync<JsonElement>(path)).GetProperty("model_stats").EnumerateArray());
}
