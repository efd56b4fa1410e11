using System.Text.Json;

namespace InferenceServer.Cli.Tests.Bench;

public sealed class BenchCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Bench_TinyModel_PrintsTheRatio()
    {
        (int exitCode, string output, string error) = await Cli.RunAsync(
            "bench", "--models", Cli.Models, "--model", "tiny", "--size", "64x48", "--runs", "5", "--warmup", "1",
            "--json", _folder["bench.json"]);

        Assert.Equal((0, ""), (exitCode, error));
        Assert.Contains("synthetic", output, StringComparison.Ordinal);
        Assert.Matches("Full ÷ network, median of pairs +[0-9]", output);
        using JsonDocument json = JsonDocument.Parse(await File.ReadAllTextAsync(_folder["bench.json"]));
        Assert.True(json.RootElement.GetProperty("median_of_ratios").GetDouble() > 1);
        Assert.Equal(5, json.RootElement.GetProperty("runs").GetInt32());
        Assert.Equal("64x48", json.RootElement.GetProperty("input").GetString());
        Assert.True(json.RootElement.GetProperty("peak_resident_bytes").GetInt64() > 0);
        Assert.True(json.RootElement.GetProperty("load_ms").GetDouble() > 0);
    }
}
