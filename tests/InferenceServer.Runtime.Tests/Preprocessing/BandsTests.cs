using System.Text.Json.Nodes;
using InferenceServer.Kernels;
using InferenceServer.Kernels.Normalization;
using InferenceServer.Kernels.Resizing;
using InferenceServer.Runtime.Formats;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Passes;
using InferenceServer.Runtime.Tests.Models;
using NetVips;

namespace InferenceServer.Runtime.Tests.Preprocessing;

/// <summary>Rasters of four bands of 16 bits, to a network whose class is its largest channel, and to one of colours.</summary>
public sealed class BandsTests : IDisposable
{
    private const int Width = 37, Height = 21, Bands = 4;
    private const ushort Nodata = 65535;
    private readonly ModelsFolder _folder = new();
    private readonly ushort[] _samples = Samples();

    [Theory]
    [InlineData(null, false)]
    [InlineData("4,3,2,1", false)]
    [InlineData("2,1,4,3", true)]
    public async Task SegmentAsync_FourBands_GivesTheLargestOfThem(string? order, bool tiles)
    {
        Add("""[{ "type": "min-max", "minimum": 0, "maximum": 10000 }]""");
        using TestRuntime runtime = new(_folder.Path);
        int[] bands = order?.Split(',').Select(int.Parse).ToArray() ?? [1, 2, 3, 4];
        SegmentSettings settings = new() { Format = MaskFormat.Raw, Bands = order is null ? null : bands };
        if (tiles)
        {
            settings = settings with { Passes = new() { Mode = InferenceMode.Slide, Crop = new ImageSize(16, 16), Flip = true } };
        }

        byte[] mask = await runtime.Segmenter.SegmentAsync("tiny-four", Tiff(_samples, Bands), settings);

        Assert.Equal(Largest(bands, _ => 1), mask);
    }

    [Fact]
    public async Task SegmentAsync_Png16_HasFourBandsToo()
    {
        Add(null);
        using TestRuntime runtime = new(_folder.Path);
        using Image memory = Image.NewFromMemory(_samples, Width, Height, Bands, Enums.BandFormat.Ushort);
        using Image picture = memory.Copy(interpretation: Enums.Interpretation.Rgb16);

        byte[] mask = await runtime.Segmenter.SegmentAsync(
            "tiny-four", picture.PngsaveBuffer(), new SegmentSettings { Format = MaskFormat.Raw });

        Assert.Equal(Largest([1, 2, 3, 4], _ => 1), mask);
    }

    [Fact]
    public async Task SegmentAsync_ScalingForEachBand_IsAppliedToIt()
    {
        Add(
            """
            [[{ "type": "scale", "value": 1 }], [{ "type": "scale", "value": 2 }], [{ "type": "scale", "value": 4 }],
             [{ "type": "offset", "value": 100 }, { "type": "scale", "value": 8 }]]
            """);
        using TestRuntime runtime = new(_folder.Path);

        byte[] mask = await runtime.Segmenter.SegmentAsync(
            "tiny-four", Tiff(_samples, Bands), new SegmentSettings { Format = MaskFormat.Raw });

        Assert.Equal(Largest([1, 2, 3, 4], band => 1 << (band - 1)), mask);
    }

    [Fact]
    public async Task SegmentAsync_PixelsWithoutData_HaveTheirLabel()
    {
        Add(
            """[{ "type": "scale", "value": 10000 }]""", preprocess => preprocess["nodata"] = Nodata,
            postprocess => postprocess["nodata_label"] = 200);
        using TestRuntime runtime = new(_folder.Path);
        for (int pixel = 5; pixel < 60; pixel++)
        {
            _samples.AsSpan(pixel * Bands, Bands).Fill(Nodata);
        }

        _samples[0] = Nodata; // one band of a pixel: the others decide

        byte[] mask = await runtime.Segmenter.SegmentAsync(
            "tiny-four", Tiff(_samples, Bands), new SegmentSettings { Format = MaskFormat.Raw });

        _samples[0] = 0;
        byte[] expected = Largest([1, 2, 3, 4], _ => 1);
        expected.AsSpan(5, 55).Fill(200);
        Assert.Equal(expected, mask);
    }

    [Theory]
    [InlineData(3, null, "The model takes 4 bands, the image has 3.")]
    [InlineData(5, null, "The model takes 4 bands, the image has 5.")]
    [InlineData(4, "1,2,3,7", "Expected an image with band 7, the image has 4 bands.")]
    public async Task SegmentAsync_OtherBands_IsRefused(int samples, string? order, string expected)
    {
        Add(null);
        using TestRuntime runtime = new(_folder.Path);
        SegmentSettings settings = new() { Format = MaskFormat.Raw, Bands = order?.Split(',').Select(int.Parse).ToArray() };

        SegmentationException e = await Assert.ThrowsAsync<SegmentationException>(() =>
            runtime.Segmenter.SegmentAsync("tiny-four", Tiff(new ushort[Width * Height * samples], samples), settings));

        Assert.Equal(SegmentationError.UndecodableImage, e.Error);
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("1,2,3", null, "bands: expected 4 bands")]
    [InlineData("1,2,2,3", null, "bands: expected different numbers")]
    [InlineData(null, "[[{\"type\":\"scale\",\"value\":2}],[{\"type\":\"scale\",\"value\":2}]]", "one for each of 4 bands, got 2")]
    [InlineData(null, "stretch:1", "value_scaling: expected steps such as")]
    [InlineData(null, "min-max:1", "value_scaling: expected steps such as")]
    [InlineData(null, "min-max:5,5", "value_scaling: expected finite numbers")]
    [InlineData(null, "[{\"type\":\"scale\",\"value\":0}]", "value_scaling: expected finite numbers")]
    [InlineData(null, "[{\"type\":\"scale\"}]", "value_scaling: expected the numbers value")]
    [InlineData(null, "[{\"type\":\"scale\",\"by\":3}]", "value_scaling: expected only the numbers value")]
    [InlineData(null, "[[[", "value_scaling: expected steps such as")]
    [InlineData(null, "[]", "value_scaling: expected a list")]
    public async Task SegmentAsync_WrongParameters_SaysWhatWasExpected(string? order, string? scaling, string expected)
    {
        Add(null);
        using TestRuntime runtime = new(_folder.Path);
        SegmentSettings settings = new() { Bands = order?.Split(',').Select(int.Parse).ToArray(), ValueScaling = scaling };

        SegmentationException e = await Assert.ThrowsAsync<SegmentationException>(() =>
            runtime.Segmenter.SegmentAsync("tiny-four", Tiff(_samples, Bands), settings));

        Assert.Equal(SegmentationError.InvalidRequest, e.Error);
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task SegmentAsync_BandsToColours_AreThoseOfThe8BitImage()
    {
        _folder.Add("tiny", 1);
        using TestRuntime runtime = new(_folder.Path);
        int[] order = [3, 2, 1];
        byte[] rgb = [.. Enumerable.Range(0, Width * Height).SelectMany(i => order.Select(b => Step(_samples[(i * Bands) + b])))];
        using Image picture = Image.NewFromMemory(rgb, Width, Height, 3, Enums.BandFormat.Uchar);
        SegmentSettings colours = new() { Format = MaskFormat.NpyProbabilities };

        byte[] expected = await runtime.Segmenter.SegmentAsync("tiny", picture.PngsaveBuffer(), colours);
        byte[] scores = await runtime.Segmenter.SegmentAsync(
            "tiny", Tiff(_samples, Bands), colours with { Bands = [4, 3, 2], ValueScaling = "min-max:0,10000" });
        SegmentationException unknown = await Assert.ThrowsAsync<SegmentationException>(() =>
            runtime.Segmenter.SegmentAsync("tiny", Tiff(_samples, Bands), colours with { Bands = [4, 3, 2] }));
        SegmentationException deviation = await Assert.ThrowsAsync<SegmentationException>(() =>
            runtime.Segmenter.SegmentAsync("tiny", Tiff(_samples, Bands), colours with { ValueScaling = "z-score:3000,1000" }));

        Assert.Equal(expected, scores);
        Assert.Contains("samples of uint16 with values of 0 to 99", unknown.Message, StringComparison.Ordinal);
        Assert.Contains("value_scaling: expected steps that make black 0", deviation.Message, StringComparison.Ordinal);

        static byte Step(ushort value) => (byte)((value / 10000f * 255) + 0.5f);
    }

    [Theory]
    [InlineData(0, 100)]
    [InlineData(2, 98)]
    [InlineData(33.3, 50)]
    public void Percentiles_AnyValues_AreThoseOfTheSortedValues(double low, double high)
    {
        Random random = new(7);
        float[] values = [.. Enumerable.Range(0, 1001).Select(_ => (float)((random.NextDouble() - 0.4) * 1e4)), 0f, -0f, 1e-30f, 12345];
        float[] sorted = [.. values.Order()];

        Percentiles percentiles = new(low, high), none = new(2, 98);
        foreach (Action<ReadOnlySpan<float>> see in (Action<ReadOnlySpan<float>>[])[percentiles.Count, percentiles.Refine])
        {
            see([.. values[..400], float.NaN]);
            see([float.NaN, .. values[400..]]);
        }

        none.Count([float.NaN]);
        none.Refine([float.NaN]);

        Assert.Equal(At(low), percentiles.Values.Low, 1e-6);
        Assert.Equal(At(high), percentiles.Values.High, 1e-6);
        Assert.Equal((0, 0), none.Values);

        double At(double percent)
        {
            double place = percent / 100 * (sorted.Length - 1);
            int lower = (int)place, upper = Math.Min(lower + 1, sorted.Length - 1);
            return sorted[lower] + ((place - lower) * (sorted[upper] - (double)sorted[lower]));
        }
    }

    [Fact]
    public void PaintView_NamedBands_AreStretched()
    {
        PreprocessManifest manifest = Manifest() with { Bands = [new(1, "blue"), new(2, "green"), new(4, "red")] };
        BandPlan plan = BandPlan.Create(manifest, null, null)!;
        int[] chosen = plan.Choose(samples: 4, opaque: 4, colors: 0);
        Memory<float> ramp = Enumerable.Range(0, 101).Select(i => i * 10f).ToArray(), none = new float[101];
        byte[] rgb = new byte[101 * 3];
        none.Span.Fill(float.NaN);

        BandScaling stretch = plan.ViewScaling.Resolve(3, see =>
        {
            see(0, ramp);
            see(1, none);
            see(2, ramp);
        });

        BandPlan.PaintView([ramp, none, ramp], stretch, rgb);

        Assert.Equal([0, 1, 3], chosen);
        Assert.Equal([3, 1, 0], plan.View(chosen, 4));
        Assert.Equal([0, 0, 0], rgb[..3]);
        Assert.Equal([128, 0, 128], rgb[150..153]); // the middle of the percentiles 2 to 98
        Assert.Equal([255, 0, 255], rgb[300..303]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Prepare_Bands_AreResizedNormalisedAndPadded(bool antialias)
    {
        PreprocessManifest manifest = Manifest() with
        {
            Scale = 0.5f, Mean = [100, 200, 300], Std = [10, 20, 30],
            Resize = new ResizeManifest { Mode = ResizeMode.Exact, Size = [15, 19], Filter = ResizeFilter.Bilinear, Antialias = antialias },
            Size = new SizeManifest { Multiple = 8, Min = 8 },
            Pad = new PadManifest { Where = PadPosition.Center, Value = PadValue.Color([7]) },
        };
        Preprocessor preprocessor = new(manifest, TensorLayout.Float32Nchw(3));
        IEnumerable<int> pixels = Enumerable.Range(0, Width * Height);
        Memory<float>[] bands = [.. Enumerable.Range(1, 3).Select(c => pixels.Select(i => i * 3f * c % 997).ToArray())];
        InputGeometry geometry = preprocessor.Plan(new ImageSize(Width, Height));

        using InputTensor input = preprocessor.Prepare(new Planes(bands, Width), geometry);

        ImageSize resized = new(19, 15);
        Assert.Equal(new ImageSize(24, 16), input.Size);
        for (int c = 0; c < 3; c++)
        {
            float[] plane = new float[resized.Pixels];
            PlaneResizer.Resize(
                bands[c].Span, 0, new ImageSize(Width, Height), plane, resized, ResizeFilter.Bilinear, antialias, 0, resized.Height);
            for (int i = 0; i < input.Size.Pixels; i++)
            {
                (int x, int y) = ((i % 24) - geometry.Left, (i / 24) - geometry.Top);
                bool isInside = x is >= 0 and < 19 && y is >= 0 and < 15;
                double value = isInside ? plane[(y * 19) + x] : 7;
                double expected = ((value * 0.5) - manifest.Mean[c]) / manifest.Std[c];
                Assert.Equal(expected, input.Values.Span[(c * (int)input.Size.Pixels) + i], 1e-4);
            }
        }
    }

    public void Dispose() => _folder.Dispose();

    private sealed record Planes(Memory<float>[] Values, int RowLength) : IBandRows
    {
        public int Bands => Values.Length;

        public ReadOnlySpan<float> Rows(int band, int first, int count) =>
            Values[band].Span.Slice(first * RowLength, count * RowLength);
    }

    private static PreprocessManifest Manifest() => new()
    {
        Color = ChannelOrder.Bands,
        Mean = [0, 0, 0],
        Std = [1, 1, 1],
        Resize = new ResizeManifest { Mode = ResizeMode.None, Filter = ResizeFilter.Bilinear, Antialias = true },
        Size = new SizeManifest { Multiple = 1, Min = 1 },
        Pad = new PadManifest(),
    };

    private static ushort[] Samples()
    {
        Random random = new(3);
        ushort[] samples = new ushort[Width * Height * Bands];
        for (int i = 0; i < samples.Length; i++)
        {
            samples[i] = (ushort)random.Next(10000);
        }

        samples[1] = 0;
        return samples;
    }

    private byte[] Largest(int[] bands, Func<int, int> divisor) =>
    [
        .. from pixel in Enumerable.Range(0, Width * Height)
           let values = bands.Select(b => (_samples[(pixel * Bands) + b - 1] - (divisor(b) == 8 ? 100 : 0)) / (double)divisor(b)).ToArray()
           select (byte)Array.IndexOf(values, values.Max()),
    ];

    private void Add(string? scaling, Action<JsonNode>? preprocess = null, Action<JsonNode>? postprocess = null)
    {
        _folder.Add("tiny-four", 1);
        string file = _folder.Combine("tiny-four", ManifestReader.FileName);
        JsonNode manifest = JsonNode.Parse(File.ReadAllText(file))!;
        JsonObject section = manifest["preprocess"]!.AsObject();
        section["color"] = "bands";
        section.Remove("scale");
        if (scaling is not null)
        {
            section["value_scaling"] = JsonNode.Parse(scaling);
        }

        preprocess?.Invoke(section);
        manifest["postprocess"] ??= new JsonObject();
        postprocess?.Invoke(manifest["postprocess"]!);
        File.WriteAllText(file, manifest.ToJsonString());
    }

    /// <summary>A TIFF of 16 bits, as GDAL writes bands without colours.</summary>
    private static byte[] Tiff(ushort[] samples, int bands)
    {
        (int Tag, int Value)[] tags =
        [
            (256, Width), (257, Height), (258, 16), (259, 1), (262, 1), (273, 0), (277, bands), (278, Height), (279, samples.Length * 2),
        ];
        using MemoryStream file = new();
        using BinaryWriter writer = new(file);
        writer.Write("II*\0"u8);
        writer.Write(8);
        writer.Write((ushort)tags.Length);
        foreach ((int tag, int value) in tags)
        {
            writer.Write((ushort)tag);
            writer.Write((ushort)4);
            writer.Write(1);
            writer.Write(tag == 273 ? 8 + 2 + (12 * tags.Length) + 4 : value);
        }

        writer.Write(0);
        foreach (ushort sample in samples)
        {
            writer.Write(sample);
        }

        return file.ToArray();
    }
}
