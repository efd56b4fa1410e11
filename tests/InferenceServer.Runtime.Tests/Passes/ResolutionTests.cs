using System.Text.Json.Nodes;
using InferenceServer.Kernels;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Formats;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Passes;
using InferenceServer.Runtime.Tests.Models;

namespace InferenceServer.Runtime.Tests.Passes;

/// <summary>Networks that want a resolution, in metres a pixel, and images that have one; the figures are those of PROJ's
/// geod.</summary>
public sealed class ResolutionTests : IDisposable
{
    private readonly ModelsFolder _folder = new();

    [Theory]
    [InlineData("utm.tif", 60, 60)]
    [InlineData("utm-point.tif", 10, 10)]
    [InlineData("lambert.tif", 20, 20)]
    [InlineData("wgs84.tif", 33.765281642, 27.820369756)]
    [InlineData("mercator-rotated.tif", 5.027625575, 5.771911208)]
    public void Of_Georeference_IsMetresAPixel(string name, double x, double y)
    {
        GeoTags geo = GeoTags.Read(new TiffDirectory(Assets.Geo(name)))!;

        GroundScale scale = GroundScale.Of(geo, given: null, new ImageSize(48, 32))!.Value;

        Assert.Equal(x, scale.X, x * 1e-5);
        Assert.Equal(y, scale.Y, y * 1e-5);
    }

    [Theory]
    [InlineData("no-crs.tif")]
    [InlineData("gcps.tif")]
    public void Of_NoScale_IsNull(string name) =>
        Assert.Null(GroundScale.Of(GeoTags.Read(new TiffDirectory(Assets.Geo(name))), given: null, new ImageSize(48, 32)));

    [Theory]
    [InlineData("utm.tif", 30, null, 2)]
    [InlineData("utm.tif", 120, null, 0.5)]
    [InlineData("no-crs.tif", 30, 45.0, 1.5)]
    [InlineData("utm.tif", 30, 15.0, 0.5)]
    public async Task SegmentAsync_Resolution_IsAScale(string image, double wanted, double? given, double scale)
    {
        Add(wanted);
        _folder.Add("tiny", 1, "plain");
        using TestRuntime runtime = new(_folder.Path);
        SegmentSettings settings = new() { Format = MaskFormat.NpyProbabilities };

        byte[] expected = await runtime.Segmenter.SegmentAsync(
            "plain", Assets.Geo(image), settings with { Passes = new PassOverrides { Scales = [scale] } });
        byte[] scores = await runtime.Segmenter.SegmentAsync("wants", Assets.Geo(image), settings with { Resolution = given });
        byte[] own = await runtime.Segmenter.SegmentAsync(
            "wants", Assets.Geo("no-crs.tif"), settings with { Passes = new PassOverrides { KeepSize = true } });

        Assert.Equal(expected, scores);
        Assert.Equal(expected.Length, own.Length);
    }

    [Fact]
    public async Task SegmentAsync_NothingSaysTheScale_IsExplained()
    {
        Add(30);
        _folder.Add("tiny", 1, "plain");
        using TestRuntime runtime = new(_folder.Path);

        SegmentationException unknown = await Assert.ThrowsAsync<SegmentationException>(() =>
            runtime.Segmenter.SegmentAsync("wants", Assets.Geo("no-crs.tif"), SegmentSettings.Default));
        SegmentationException unwanted = await Assert.ThrowsAsync<SegmentationException>(() =>
            runtime.Segmenter.SegmentAsync("plain", Assets.Geo("utm.tif"), new SegmentSettings { Resolution = 2 }));
        SegmentationException large = await Assert.ThrowsAsync<SegmentationException>(() =>
            runtime.Segmenter.SegmentAsync("wants", Assets.Geo("utm.tif"), new SegmentSettings { Resolution = 100_000 }));

        Assert.Equal(SegmentationError.UndecodableImage, unknown.Error);
        Assert.Contains("Send resolution=METRES", unknown.Message, StringComparison.Ordinal);
        Assert.Contains("has none", unwanted.Message, StringComparison.Ordinal);
        Assert.Contains("use mode=slide", large.Message, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();

    private void Add(double resolution)
    {
        _folder.Add("tiny", 1, "wants");
        string file = _folder.Combine("wants", ManifestReader.FileName);
        JsonNode manifest = JsonNode.Parse(File.ReadAllText(file))!;
        manifest["preprocess"]!["resolution"] = resolution;
        File.WriteAllText(file, manifest.ToJsonString());
    }
}
