using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using InferenceServer.Kernels;
using InferenceServer.Kernels.Normalization;
using InferenceServer.Kernels.Resizing;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Formats;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Passes;
using InferenceServer.Runtime.Pipeline;
using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Tests.Models;
using Microsoft.Extensions.Options;
using NetVips;

namespace InferenceServer.Runtime.Tests.Preprocessing;

/// <summary>An image of four bands of 16 bits that is too large to be kept whole: its rows are read in strips.</summary>
public sealed class BandRowsTests : IDisposable
{
    private const int Width = 1100, Height = 1040, Bands = 4;
    private static readonly ImageSize Size = new(Width, Height);
    private static readonly ushort[] Samples = Draw();
    private static readonly byte[] Tiles = Tiff(tile: true), Strips = Tiff(tile: false);
    private readonly ModelsFolder _folder = new();

    [Theory]
    [InlineData(true, 300)]
    [InlineData(false, 100)]
    [InlineData(true, 10)]
    public void Rows_AnyOrder_AreTheFiles(bool tiles, int rows)
    {
        BandPlan plan = Plan();
        EncodedImage image = new ImageDecoder(Options.Create(new DecodingOptions())).Open(tiles ? Tiles : Strips);
        BandSelection selection = BandSelection.Create(plan, image, withView: true);
        byte[] missing = new byte[Size.Pixels], view = new byte[Size.Pixels * 3];
        using BandRows bands = new(image, plan, selection, rows, new BandSinks(missing, view), CancellationToken.None);
        Assert.True(BandRows.Bytes(image, plan, selection, rows) < Samples.Length * sizeof(float), "not all rows are in memory");

        foreach ((int first, int count) in (ReadOnlySpan<(int, int)>)[(0, 200), (150, 250), (100, 60), (390, 500), (1039, 1), (3, 9)])
        {
            for (int band = 0; band < Bands; band++)
            {
                // The lists of percentiles are each band's own.
                ReadOnlySpan<float> values = bands.Rows(band, first, count);
                (double low, double high) = Range(band);
                for (int i = 0; i < values.Length; i += 13)
                {
                    ushort sample = Samples[(((first * Width) + i) * Bands) + band];
                    double value = sample == 7 ? 9 : sample;
                    Assert.Equal((value - low) / (high - low), values[i], 1e-5);
                }
            }
        }

        bands.Complete();
        for (int i = 0; i < Size.Pixels; i += 7)
        {
            Assert.Equal(Samples.AsSpan(i * Bands, Bands).Count((ushort)7) == Bands, missing[i] == 1);
        }

        // The usual stretch: the percentiles 2 and 98 of each of the first three bands.
        int pixel = (517 * Width) + 733;
        for (int band = 0; band < 3; band++)
        {
            ushort[] sorted = [.. Values(band).Order()];
            double low = sorted[(int)(0.02 * (sorted.Length - 1))], high = sorted[(int)(0.98 * (sorted.Length - 1))];
            Assert.Equal(Math.Clamp((Samples[(pixel * Bands) + band] - low) / (high - low), 0, 1) * 255, view[(pixel * 3) + band], 1.0);
        }
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, false)]
    [InlineData(true, true)]
    public async Task SegmentAsync_Tiles_GiveTheLargestBand(bool tiles, bool halves)
    {
        Add();
        using TestRuntime runtime = new(_folder.Path);
        PassOverrides passes = new()
        {
            Mode = InferenceMode.Slide,
            Crop = new ImageSize(256, 256),
            KeepSize = true,
            Halo = 16,
            Scales = halves ? [1, 0.5] : [1],
            Fuse = FuseMode.MaxLogits,
        };

        byte[] mask = await runtime.Segmenter.SegmentAsync(
            "tiny-four", tiles ? Tiles : Strips, new SegmentSettings { Format = MaskFormat.Raw, Passes = passes });

        int equal = 0;
        for (int i = 0; i < mask.Length; i++)
        {
            ReadOnlySpan<ushort> pixel = Samples.AsSpan(i * Bands, Bands);
            ushort largest = 0;
            foreach (ushort sample in pixel)
            {
                largest = Math.Max(largest, sample);
            }

            bool isMissing = pixel.Count((ushort)7) == Bands;
            Assert.Equal(isMissing, mask[i] == 99);
            equal += isMissing || pixel.IndexOf(largest) == mask[i] ? 1 : 0;
        }

        // At half the size, pixels are mixed with their neighbours.
        Assert.InRange(equal, halves ? mask.Length * 0.5 : mask.Length, mask.Length);
    }

    [Fact]
    public async Task SegmentAsync_Window_IsThePartOfTheMask()
    {
        Add();
        using TestRuntime runtime = new(_folder.Path);
        SegmentSettings settings = new() { Format = MaskFormat.Raw, Passes = new() { Mode = InferenceMode.Slide, KeepSize = true } };

        byte[] whole = await runtime.Segmenter.SegmentAsync("tiny-four", Tiles, settings);
        byte[] part = await runtime.Segmenter.SegmentAsync(
            "tiny-four", Tiles, settings with { Window = ImageWindow.Pixels(1000, 600, 100, 33) });

        for (int y = 0; y < 33; y++)
        {
            Assert.Equal(whole.AsSpan(((600 + y) * Width) + 1000, 100), part.AsSpan(y * 100, 100));
        }
    }

    [Fact]
    public async Task SegmentAsync_DamagedTile_EndsTheRequest()
    {
        Add();
        using TestRuntime runtime = new(_folder.Path);
        byte[] damaged = [.. Tiles];
        TiffDirectory file = new(Tiles);
        (long at, long length) = file.Parts().ElementAt(file.Parts().Count() / 2);
        damaged.AsSpan((int)at, (int)length).Fill(0x55);
        SegmentSettings settings = new() { Format = MaskFormat.Raw, Passes = new() { Mode = InferenceMode.Slide, KeepSize = true } };

        SegmentationException e = await Assert.ThrowsAsync<SegmentationException>(() =>
            runtime.Segmenter.SegmentAsync("tiny-four", damaged, settings));
        byte[] mask = await runtime.Segmenter.SegmentAsync("tiny-four", Tiles, settings);

        Assert.Equal(SegmentationError.UndecodableImage, e.Error);
        Assert.Equal(Size.Pixels, mask.Length);
    }

    public void Dispose() => _folder.Dispose();

    private static IEnumerable<ushort> Values(int band) =>
        Enumerable.Range(0, (int)Size.Pixels).Select(i => Samples[(i * Bands) + band]).Where(sample => sample != 7);

    private static (double Least, double Most) Range(int band) => (Values(band).Min(), Values(band).Max());

    private static BandPlan Plan()
    {
        PreprocessManifest manifest = new()
        {
            Color = ChannelOrder.Bands,
            Mean = [0, 0, 0, 0],
            Std = [1, 1, 1, 1],
            ValueScaling = [[new("offset", 100, 0), new("percentile", 0, 100)]],
            Nodata = new NodataManifest(7),
            NodataFill = 9,
            Resize = new ResizeManifest { Mode = ResizeMode.None, Filter = ResizeFilter.Bilinear, Antialias = true },
            Size = new SizeManifest { Multiple = 1, Min = 1 },
            Pad = new PadManifest(),
        };
        return BandPlan.Create(manifest, null, null)!;
    }

    private void Add()
    {
        _folder.Add("tiny-four", 1);
        string file = _folder.Combine("tiny-four", ManifestReader.FileName);
        JsonNode manifest = JsonNode.Parse(File.ReadAllText(file))!;
        JsonObject section = manifest["preprocess"]!.AsObject();
        section["color"] = "bands";
        section.Remove("scale");
        section["nodata"] = 7;
        manifest["postprocess"] ??= new JsonObject();
        manifest["postprocess"]!["nodata_label"] = 99;
        File.WriteAllText(file, manifest.ToJsonString());
    }

    private static ushort[] Draw()
    {
        Random random = new(5);
        ushort[] samples = new ushort[Width * Height * Bands];
        random.NextBytes(MemoryMarshal.AsBytes(samples.AsSpan()));
        for (int i = 0; i < samples.Length; i++)
        {
            // Multiples of 16 and the band's number: no two bands are equal, and no sample is 7 by chance.
            samples[i] = (ushort)((samples[i] & 0x3FF0) + (i % Bands));
        }

        for (int row = 500; row < 520; row++)
        {
            samples.AsSpan(((row * Width) + 300) * Bands, 25 * Bands).Fill(7);
        }

        return samples;
    }

    private static byte[] Tiff(bool tile)
    {
        using Image memory = Image.NewFromMemory(Samples, Width, Height, Bands, Enums.BandFormat.Ushort);
        using Image bands = memory.Copy(interpretation: Enums.Interpretation.Multiband);
        return bands.TiffsaveBuffer(
            compression: Enums.ForeignTiffCompression.Deflate, tile: tile, tileWidth: tile ? 64 : null, tileHeight: tile ? 48 : null);
    }
}
