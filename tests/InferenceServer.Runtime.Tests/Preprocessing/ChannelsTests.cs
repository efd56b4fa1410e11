using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using InferenceServer.Runtime.Adaptation;
using InferenceServer.Kernels;
using InferenceServer.Kernels.Normalization;
using InferenceServer.Kernels.Resizing;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Formats;
using InferenceServer.Runtime.Inspection;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Passes;
using InferenceServer.Runtime.Pipeline;
using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Sessions;
using InferenceServer.Runtime.Tests.Models;

namespace InferenceServer.Runtime.Tests.Preprocessing;

/// <summary>Networks of one channel and of many, and pixels divided by an image's largest value.</summary>
public sealed class ChannelsTests : IDisposable
{
    private static readonly ImageSize Source = new(97, 61);
    private readonly ModelsFolder _folder = new();

    public static TheoryData<string, string> Goldens
    {
        get
        {
            TheoryData<string, string> goldens = [];
            foreach (string kind in (string[])["gray", "image-max", "gray-image-max"])
            {
                foreach (string resize in (string[])["whole", "bilinear", "bicubic", "nearest"])
                {
                    goldens.Add(kind, resize);
                }
            }

            return goldens;
        }
    }

    [Theory, MemberData(nameof(Goldens))]
    public void Prepare_GrayOrImageMax_IsWhatPillowAndNumPyMake(string kind, string resize)
    {
        Preprocessor preprocessor = Create(kind, resize);
        float[] expected = MemoryMarshal.Cast<byte, float>(Golden($"{kind}-{resize}")).ToArray();

        using InputTensor input = preprocessor.Prepare(Golden("source-97x61"), preprocessor.Plan(Source));

        AssertClose(expected, input.Values.Span);
    }

    [Theory]
    [InlineData("gray")]
    [InlineData("image-max")]
    [InlineData("gray-image-max")]
    public void Prepare_TilesAndMirrors_AreTheWholeImageCut(string kind)
    {
        Preprocessor preprocessor = Create(kind, "whole");
        byte[] rgb = Golden("source-97x61");
        PassSettings settings = new(
            InferenceMode.Slide, KeepSize: false, new ImageSize(32, 24), 0.5, [1], Flip: true, FuseMode.MeanSoftmax);
        PassPlan plan = preprocessor.Plan(Source, settings);
        using InputTensor whole = preprocessor.Prepare(rgb, preprocessor.Plan(Source));
        using ImageViews views = preprocessor.Open(plan, rgb);

        foreach (Pass pass in plan.Passes)
        {
            using InputTensor tile = preprocessor.Prepare(views, pass);
            (int left, int top) = (pass.Geometry.Columns.Start, pass.Geometry.Rows.Start);
            for (int i = 0; i < tile.Values.Length; i++)
            {
                (int x, int y, int c) = (i % 32, i / 32 % 24, i / 32 / 24);
                if (pass.Mirrored)
                {
                    x = 31 - x;
                }

                Assert.Equal(whole.Values.Span[(((c * 61) + top + y) * 97) + left + x], tile.Values.Span[i]);
            }
        }
    }

    [Fact]
    public void Prepare_TilesOfAScaledGrayImage_AreTheResizedImageCut()
    {
        PreprocessManifest preprocess = Manifest("gray", "bilinear") with
        {
            Resize = new ResizeManifest { Mode = ResizeMode.None, Filter = ResizeFilter.Bilinear, Antialias = true },
        };
        Preprocessor preprocessor = new(preprocess, TensorLayout.Float32Nchw(1));
        byte[] rgb = Golden("source-97x61");
        ImageSize scaled = new(194, 122);
        byte[] gray = new byte[rgb.Length], resized = new byte[scaled.Pixels * 3];
        GrayConverter.Compute(rgb, gray);
        PillowResizer.Resize(gray, Source, resized, scaled, ResizeFilter.Bilinear);
        PassSettings settings = new(
            InferenceMode.Slide, KeepSize: false, new ImageSize(64, 64), 0.5, [2], Flip: false, FuseMode.MeanSoftmax);
        PassPlan plan = preprocessor.Plan(Source, settings);
        using ImageViews views = preprocessor.Open(plan, rgb);

        Pass last = plan.Passes[^1];
        using InputTensor tile = preprocessor.Prepare(views, last);

        for (int i = 0; i < tile.Values.Length; i++)
        {
            int pixel = ((last.Geometry.Rows.Start + (i / 64)) * 194) + last.Geometry.Columns.Start + (i % 64);
            Assert.Equal(((resized[pixel * 3] / 255.0) - .449) / .226, tile.Values.Span[i], 1e-5);
        }
    }

    [Theory]
    [InlineData(0, 0.0)]
    [InlineData(57, 1.0)]
    public void Prepare_ImageMaxOfOneColour_IsDividedByThatColour(byte value, double scaled)
    {
        PreprocessManifest preprocess = Manifest("image-max", "whole") with
        {
            Size = new SizeManifest { Multiple = 8, Min = 8 },
            Pad = new PadManifest { Value = PadValue.Zero },
        };
        Preprocessor preprocessor = new(preprocess, TensorLayout.Float32Nchw(3));
        byte[] rgb = new byte[7 * 5 * 3];
        Array.Fill(rgb, value);

        using InputTensor input = preprocessor.Prepare(rgb, preprocessor.Plan(new ImageSize(7, 5)));

        Assert.Equal((scaled - .485) / .229, input.Values.Span[0], 1e-6);
        Assert.Equal(-.406 / .225, input.Values.Span[^1], 1e-6);
    }

    [Theory]
    [InlineData("tiny-gray", "whole")]
    [InlineData("tiny-gray-open", "whole")]
    [InlineData("tiny-gray", "tiles")]
    public async Task SegmentAsync_GrayNetwork_SeesTheGrayImage(string model, string passes)
    {
        _folder.Add(model, 1);
        using TestRuntime runtime = new(_folder.Path);
        byte[] file = Assets.Image("rgb.png");
        SegmentSettings settings = new() { Format = MaskFormat.Raw };
        if (passes == "tiles")
        {
            settings = settings with
            {
                Passes = new() { Mode = InferenceMode.Slide, Crop = new ImageSize(16, 16), Flip = true },
            };
        }

        byte[] mask = await runtime.Segmenter.SegmentAsync(model, file, settings);

        using RgbImage image = runtime.Get<ImageDecoder>().Decode(file, CancellationToken.None);
        byte[] gray = new byte[image.Pixels.Length];
        GrayConverter.Compute(image.Pixels.Span, gray);
        Assert.Equal(image.Size.Pixels, mask.Length);
        Assert.True(mask.Distinct().Count() > 1);
        for (int i = 0; i < mask.Length; i++)
        {
            // Up to 85, a third of 255, dark; from 171 on light.
            Assert.Equal(gray[i * 3] * 3 / 256, mask[i]);
        }
    }

    [Fact]
    public async Task SegmentAsync_FourChannels_RefusesImagesAndServesTensors()
    {
        _folder.Add("tiny-four", 1);
        using TestRuntime runtime = new(_folder.Path);
        using AdmittedRequest admitted = runtime.Segmenter.Admit("tiny-four", CancellationToken.None);
        TensorRunner tensors = runtime.Get<TensorRunner>();
        float[] values = [.. Enumerable.Range(0, 4 * 8 * 9).Select(i => i / 288f)];

        SegmentationException mask = await Assert.ThrowsAsync<SegmentationException>(() =>
            runtime.Segmenter.SegmentAsync("tiny-four", Assets.Image("rgb.png"), new SegmentSettings { Format = MaskFormat.Raw }));
        SegmentationException scores = await Assert.ThrowsAsync<SegmentationException>(() =>
            tensors.RunAsync(admitted, [Assets.Image("rgb.png")], asText: false).AsTask());
        SegmentationException three = await Assert.ThrowsAsync<SegmentationException>(() =>
            tensors.RunAsync(admitted, [1, 3, 8, 9], new byte[3 * 8 * 9 * 4], asText: false).AsTask());
        using DisposableList<ModelOutput> outputs = await tensors.RunAsync(
            admitted, [1, 4, 8, 9], MemoryMarshal.AsBytes<float>(values).ToArray(), asText: false);

        Assert.Equal((SegmentationError.InvalidRequest, mask.Message), (mask.Error, scores.Message));
        Assert.Contains(
            "takes 4 channels. Write preprocess.color \"bands\" in its manifest", mask.Message, StringComparison.Ordinal);
        Assert.Contains("send the tensor to /v2/models/tiny-four/infer", mask.Message, StringComparison.Ordinal);
        Assert.Contains("takes an input N×4×H×W, got 1×3×8×9", three.Message, StringComparison.Ordinal);
        AssertClose([.. values.Select(v => v * 8)], outputs[0].Scores());
    }

    [Theory]
    [InlineData("tiny", "rgb", 4, "preprocess.mean: expected 3 numbers, one for each channel of the graph, got 4")]
    [InlineData("tiny-four", "rgb", 3, "preprocess.std: expected 4 numbers, one for each channel of the graph, got 3")]
    [InlineData("tiny-gray", "rgb", 3, "preprocess.color: expected \"gray\", with one number in mean and std")]
    [InlineData("tiny", "gray", 1, "preprocess.color: expected \"rgb\" or \"bgr\", with 3 numbers in mean and std")]
    public void Load_OtherChannelsThanTheGraphs_IsRefusedWithTheRemedy(string model, string color, int channels, string reason)
    {
        _folder.Add(model, 1);
        string file = _folder.Combine(model, ManifestReader.FileName);
        JsonNode manifest = JsonNode.Parse(File.ReadAllText(file))!;
        manifest["preprocess"]!["color"] = color;
        manifest["preprocess"]!["mean"] = new JsonArray([.. Enumerable.Repeat(0, channels).Select(v => JsonValue.Create(v))]);
        manifest["preprocess"]!["std"] = new JsonArray([.. Enumerable.Repeat(1, channels).Select(v => JsonValue.Create(v))]);
        File.WriteAllText(file, manifest.ToJsonString());

        using TestRuntime runtime = new(_folder.Path);

        Assert.Contains(reason, runtime.Repository.Entry(model).Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("tiny-gray", 1)]
    [InlineData("tiny-gray-open", 1)]
    [InlineData("tiny-four", 4)]
    public void Inspect_OtherChannelsThanThree_DraftsAManifestThatLoads(string model, int channels)
    {
        string file = _folder.Add(model, 1);
        using TestRuntime inspecting = new(Assets.Models);
        ModelInspector inspector = inspecting.Get<ModelInspector>();
        ModelInspection inspection = inspector.Inspect(file, new InspectionRequest(), CancellationToken.None);
        File.WriteAllText(_folder.Combine(model, ManifestReader.FileName), inspection.Text);

        using TestRuntime runtime = new(_folder.Path);

        Assert.Equal(channels, inspection.Manifest.Preprocess.Mean.Count);
        Assert.Null(runtime.Repository.Entry(model).Reason);
        Assert.Equal(ModelState.Ready, runtime.Repository.Entry(model).State);
    }

    public void Dispose() => _folder.Dispose();

    private static Preprocessor Create(string kind, string resize)
    {
        PreprocessManifest manifest = Manifest(kind, resize);
        return new Preprocessor(manifest, TensorLayout.Float32Nchw(manifest.Mean.Count));
    }

    private static PreprocessManifest Manifest(string kind, string resize)
    {
        PreprocessManifest manifest = new()
        {
            Color = ChannelOrder.Rgb,
            Mean = [.485f, .456f, .406f],
            Std = [.229f, .224f, .225f],
            Resize = new ResizeManifest { Mode = ResizeMode.None, Filter = ResizeFilter.Bilinear, Antialias = true },
            Size = new SizeManifest { Multiple = 1, Min = 1 },
            Pad = new PadManifest(),
        };
        if (kind.StartsWith("gray", StringComparison.Ordinal))
        {
            manifest = manifest with { Color = ChannelOrder.Gray, Mean = [.449f], Std = [.226f] };
        }

        if (resize != "whole")
        {
            ResizeFilter filter = Enum.Parse<ResizeFilter>(resize, ignoreCase: true);
            manifest = manifest with
            {
                Resize = manifest.Resize with { Mode = ResizeMode.Exact, Size = [77, 33], Filter = filter },
            };
        }

        if (kind.EndsWith("image-max", StringComparison.Ordinal))
        {
            return manifest with { Normalize = PixelNormalization.ImageMax };
        }

        return manifest with { Scale = 1 / 255f };
    }

    private static void AssertClose(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < actual.Length; i++)
        {
            Assert.Equal(expected[i], actual[i], 1e-5 * Math.Max(1, Math.Abs(expected[i])));
        }
    }

    private static byte[] Golden(string name)
    {
        using FileStream file = File.OpenRead(Path.Combine(AppContext.BaseDirectory, "assets", "preprocessing", name + ".gz"));
        using GZipStream gzip = new(file, CompressionMode.Decompress);
        using MemoryStream bytes = new();
        gzip.CopyTo(bytes);
        return bytes.ToArray();
    }
}
