using System.Globalization;
using System.Text.Json;
using InferenceServer.Kernels;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Formats;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Passes;
using InferenceServer.Runtime.Tests.Models;

namespace InferenceServer.Runtime.Tests.Formats;

/// <summary>A GeoTIFF of twelve bands of 16 bits from a satellite's grid, in and out; tests/assets/make_geo.py draws it, and
/// computes the labels with NumPy.</summary>
public sealed class TwelveBandsTests : IDisposable
{
    private const int Width = 110, Height = 75;
    private readonly ModelsFolder _folder = new();

    [Theory]
    [InlineData("geotiff", false)]
    [InlineData("cog", false)]
    [InlineData("geotiff", true)]
    public async Task SegmentAsync_TwelveBands_GivesNumpysLabels(string format, bool tiles)
    {
        byte[] mask = await SegmentAsync(format, tiles);

        TiffDirectory file = new(mask);
        TiffImage image = new(file);
        float[] labels = new float[Width * Height];
        new TiffSamples(file, image).Read([0], [labels], PixelWindow.Of(image.Size), missing: 0, CancellationToken.None);
        Assert.Equal(new ImageSize(Width, Height), image.Size);
        Assert.Equal(Assets.Geo("twelve.labels").Select(label => (float)label), labels);
        Assert.Contains(255f, labels);
    }

    [GdalTheory]
    [InlineData("geotiff")]
    [InlineData("cog")]
    public async Task SegmentAsync_TwelveBands_IsWhatGdalReads(string format)
    {
        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName() + ".tif");
        File.WriteAllBytes(path, await SegmentAsync(format, tiles: true));
        try
        {
            using JsonDocument said = JsonDocument.Parse(GdalTheoryAttribute.Run("gdalinfo", "-json", path));

            JsonElement root = said.RootElement;
            Assert.Equal([Width, Height], root.GetProperty("size").EnumerateArray().Select(n => n.GetInt32()));
            Assert.Equal([399960, 10, 0, 5300040, 0, -10], root.GetProperty("geoTransform").EnumerateArray().Select(n => n.GetDouble()));
            string? system = root.GetProperty("coordinateSystem").GetProperty("wkt").GetString();
            Assert.Contains("ID[\"EPSG\",32632]", system, StringComparison.Ordinal);
            JsonElement band = root.GetProperty("bands")[0];
            Assert.Equal("Byte", band.GetProperty("type").GetString());
            Assert.Equal(255, band.GetProperty("noDataValue").GetDouble());
            int[][] colors =
            [
                .. band.GetProperty("colorTable").GetProperty("entries").EnumerateArray().Take(5)
                    .Select(color => color.EnumerateArray().Select(n => n.GetInt32()).ToArray()),
            ];
            Assert.Equal([[0x1f, 0x5f, 0xbf, 255], [0x1b, 0x6e, 0x2c, 255], [0xd9, 0xc8, 0x4a, 255]], colors[..3]);
            JsonElement metadata = root.GetProperty("metadata").GetProperty("");
            Assert.Equal("water", metadata.GetProperty("CLASS_0").GetString());
            Assert.Equal("rock", metadata.GetProperty("CLASS_4").GetString());
            string raw = GdalTheoryAttribute.Run("gdallocationinfo", "-valonly", path, "50", "60").Trim();
            Assert.Equal(Assets.Geo("twelve.labels")[(60 * Width) + 50], byte.Parse(raw, CultureInfo.InvariantCulture));
        }
        finally
        {
            File.Delete(path);
        }
    }

    public void Dispose() => _folder.Dispose();

    private async Task<byte[]> SegmentAsync(string format, bool tiles)
    {
        _folder.Add("tiny-twelve", 1);
        using TestRuntime runtime = new(_folder.Path);
        SegmentSettings settings = new() { Format = MaskFormat.Find(format)! };
        if (tiles)
        {
            settings = settings with { Passes = new() { Mode = InferenceMode.Slide, Crop = new ImageSize(32, 32), Halo = 4 } };
        }

        return await runtime.Segmenter.SegmentAsync("tiny-twelve", Assets.Geo("twelve.tif"), settings);
    }
}
