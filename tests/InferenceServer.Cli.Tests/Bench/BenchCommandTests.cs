using System.Text.Json;
using System.Text.Json.Nodes;
using NetVips;

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

    [Theory]
    [InlineData(null, 4)]
    [InlineData("""[{ "index": 1 }, { "index": 2 }, { "index": 4 }, { "index": 7 }]""", 7)]
    public async Task Bench_ModelOfBands_DrawsATiffOfItsBands(string? bands, int drawn)
    {
        AddModelOfBands(bands);

        (int exitCode, string output, string error) = await Cli.RunAsync(
            "bench", "--models", _folder.Path, "--model", "tiny-four", "--size", "64x48", "--runs", "3", "--warmup", "0");

        Assert.Equal((0, ""), (exitCode, error));
        Assert.Contains($"synthetic TIFF of {drawn} bands of 16 bits, 64x48 pixels", output, StringComparison.Ordinal);
        Assert.Matches("Full ÷ network, median of pairs +[0-9]", output);
    }

    [Fact]
    public async Task Bench_ModelOfBandsInTiles_TakesAnImageOfItsOwn()
    {
        AddModelOfBands(null, manifest => manifest["inference"] = JsonNode.Parse("""{ "mode": "slide", "crop": [32, 32] }"""));
        string image = _folder["scene.tif"];
        using Image drawn = Image.NewFromMemory(new ushort[40 * 50 * 4], 40, 50, bands: 4, Enums.BandFormat.Ushort);
        using Image scene = drawn.Copy(interpretation: Enums.Interpretation.Multiband);
        await File.WriteAllBytesAsync(image, scene.TiffsaveBuffer());

        (int exitCode, string output, string error) = await Cli.RunAsync(
            "bench", "--models", _folder.Path, "--model", "tiny-four", "--image", image, "--runs", "2", "--warmup", "0", "--json",
            _folder["bench.json"]);

        Assert.Equal((0, ""), (exitCode, error));
        using JsonDocument json = JsonDocument.Parse(await File.ReadAllTextAsync(_folder["bench.json"]));
        Assert.Equal("40x50", json.RootElement.GetProperty("input").GetString());
        Assert.Contains("scene.tif", json.RootElement.GetProperty("image").GetString(), StringComparison.Ordinal);
    }

    private void AddModelOfBands(string? bands, Action<JsonNode>? change = null)
    {
        string from = Path.Combine(AppContext.BaseDirectory, "tiny-four"), to = _folder["tiny-four"];
        Directory.CreateDirectory(Path.Combine(to, "1"));
        File.Copy(Path.Combine(from, "1", "model.onnx"), Path.Combine(to, "1", "model.onnx"));
        JsonNode manifest = JsonNode.Parse(File.ReadAllText(Path.Combine(from, "model.json")))!;
        JsonObject preprocess = manifest["preprocess"]!.AsObject();
        preprocess["color"] = "bands";
        preprocess.Remove("scale");
        if (bands is not null)
        {
            preprocess["bands"] = JsonNode.Parse(bands);
        }

        change?.Invoke(manifest);
        File.WriteAllText(Path.Combine(to, "model.json"), manifest.ToJsonString());
    }
}
