using InferenceServer.Kernels;
using InferenceServer.Kernels.Normalization;
using InferenceServer.Kernels.Resizing;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Batching;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Passes;
using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Sessions;
using InferenceServer.Runtime.Tests.Preprocessing;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace InferenceServer.Runtime.Tests.Sessions;

/// <summary>Images that a device normalises, as sessions on a GPU do; here on the processor and in ordinary memory, by the same
/// calls.</summary>
public sealed class PixelNormalizerTests
{
    private static readonly ResizeManifest Resize =
        new() { Mode = ResizeMode.ShortSide, Size = [24], Filter = ResizeFilter.Bilinear, Antialias = true };

    [Theory]
    [InlineData(ChannelOrder.Rgb)]
    [InlineData(ChannelOrder.Bgr)]
    [InlineData(ChannelOrder.Gray)]
    [InlineData(ChannelOrder.Bgr, 124f, 116.5f, 104f)]
    [InlineData(ChannelOrder.Rgb, 0f)]
    public void Run_PaddedImage_EqualsTheProcessor(ChannelOrder color, params float[] padding)
    {
        PreprocessManifest preprocess = Manifest(color, padding);
        ImageSize size = new(53, 31);
        byte[] rgb = Noise(size);
        using PixelNormalizer pixels = Open(preprocess);
        (Preprocessor numbers, Preprocessor packing) = Both(preprocess);
        using InputTensor expected = numbers.Prepare(rgb, numbers.Plan(size)), packed = packing.Prepare(rgb, packing.Plan(size));

        using IDisposableReadOnlyCollection<OrtValue> found = pixels.Run(packed);

        Assert.True(packed.Layout.IsPacked);
        Assert.NotEqual(size, expected.Size);
        Assert.Equal(expected.Shape, found[0].GetTensorTypeAndShape().Shape);
        AssertClose(expected.Values.Span, found[0].GetTensorDataAsSpan<float>());
    }

    [Fact]
    public void Run_MirroredTile_EqualsTheProcessor()
    {
        PreprocessManifest preprocess = Manifest(ChannelOrder.Rgb);
        PassSettings settings = new(
            InferenceMode.Slide, KeepSize: true, new ImageSize(32, 32), StrideRate: 0.5, [1], Flip: true, FuseMode.MeanSoftmax);
        ImageSize size = new(70, 41);
        byte[] rgb = Noise(size);
        using PixelNormalizer pixels = Open(preprocess);
        (Preprocessor numbers, Preprocessor packing) = Both(preprocess);
        PassPlan plan = numbers.Plan(size, settings);
        Assert.Contains(plan.Passes, pass => pass.Mirrored);
        using ImageViews views = numbers.Open(plan, rgb), packedViews = packing.Open(plan, rgb);

        foreach (Pass pass in plan.Passes)
        {
            using InputTensor expected = numbers.Prepare(views, pass), packed = packing.Prepare(packedViews, pass);
            using IDisposableReadOnlyCollection<OrtValue> found = pixels.Run(packed);

            AssertClose(expected.Values.Span, found[0].GetTensorDataAsSpan<float>());
        }
    }

    [Theory]
    [InlineData(ChannelOrder.Rgb)]
    [InlineData(ChannelOrder.Bgr)]
    [InlineData(ChannelOrder.Gray)]
    public void IsRight_OfItsOwnValues_IsTrue(ChannelOrder color)
    {
        PreprocessManifest preprocess = Manifest(color, 200f);
        using PixelNormalizer pixels = Open(preprocess);

        Assert.True(pixels.IsRight(InputValues.Create(preprocess)));
    }

    [Fact]
    public void IsRight_OfOtherValues_IsFalse()
    {
        PreprocessManifest preprocess = Manifest(ChannelOrder.Rgb, 200f);
        using PixelNormalizer pixels = Open(preprocess);

        Assert.False(pixels.IsRight(InputValues.Create(preprocess with { Scale = preprocess.Scale * 1.001f })));
        Assert.False(pixels.IsRight(InputValues.Create(preprocess with { Color = ChannelOrder.Bgr })));
        Assert.False(pixels.IsRight(InputValues.Create(Manifest(ChannelOrder.Rgb, 201f))));
    }

    [Fact]
    public void Create_WherePixelsDoNotDecideAlone_IsNull()
    {
        PreprocessManifest preprocess = Manifest(ChannelOrder.Rgb);

        Assert.NotNull(InputValues.OfEveryImage(preprocess));
        Assert.Null(InputValues.OfEveryImage(preprocess with { Normalize = PixelNormalization.ImageMax }));
        Assert.Null(InputValues.OfEveryImage(preprocess with { Color = ChannelOrder.Bands }));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Run_OfTheNetwork_GivesTheScoresOfNormalisedImages(int batch)
    {
        PreprocessManifest preprocess = Manifest(ChannelOrder.Rgb);
        using OnnxModelSession session = PinnedBindingTests.Open(bind: true, Open(preprocess));
        (Preprocessor numbers, Preprocessor packing) = Both(preprocess);
        ImageSize size = new(40, 24);
        byte[][] images = [.. Enumerable.Range(0, batch).Select(i => Noise(size, i))];
        using DisposableList<InputTensor> expected = [.. images.Select(rgb => numbers.Prepare(rgb, numbers.Plan(size)))];
        using DisposableList<InputTensor> packed = [.. images.Select(rgb => packing.Prepare(rgb, packing.Plan(size)))];
        using InputTensor all = InputTensor.Stack(expected), allPacked = InputTensor.Stack(packed);

        using ModelOutput scores = session.Run(all, CancellationToken.None), found = session.Run(allPacked, CancellationToken.None);

        Assert.Equal(TensorLayout.PackedPixels, session.PixelLayout);
        for (int i = 0; i < batch; i++)
        {
            AssertClose(scores.Scores(i), found.Scores(i));
        }
    }

    [Fact]
    public async Task RunAsync_NumbersAndPixelsOfOneSize_RunApart()
    {
        PreprocessManifest preprocess = Manifest(ChannelOrder.Rgb);
        using OnnxModelSession session = PinnedBindingTests.Open(bind: true, Open(preprocess));
        (Preprocessor numbers, Preprocessor packing) = Both(preprocess);
        ImageSize size = new(40, 24);
        byte[] rgb = Noise(size);
        using InputTensor plain = numbers.Prepare(rgb, numbers.Plan(size)), packed = packing.Prepare(rgb, packing.Plan(size));
        Backlog backlog = new(1, 2, new SchedulingOptions(), TimeProvider.System);
        BatchLimits limits = new(2, long.MaxValue, TimeSpan.FromMilliseconds(50));
        BatchScheduler scheduler = new("net", session, limits, 1, backlog, TimeProvider.System);
        Assert.True(backlog.TryEnter(Priority.Interactive) && backlog.TryEnter(Priority.Interactive));

        Task<ModelOutput> one = RunAsync(plain), other = RunAsync(packed);
        using ModelOutput a = await one, b = await other;

        AssertClose(a.Scores(), b.Scores());
        scheduler.Close(TimeSpan.FromSeconds(10));

        Task<ModelOutput> RunAsync(InputTensor input) =>
            scheduler.RunAsync(input, new RunContext(Priority.Interactive, new()), CancellationToken.None).AsTask();
    }

    private static PreprocessManifest Manifest(ChannelOrder color, params float[] padding)
    {
        PreprocessManifest preprocess = InputSizingTests.Preprocess(Resize, 32, 0) with
        {
            Color = color,
            Pad = new PadManifest { Where = PadPosition.Center, Value = padding.Length > 0 ? PadValue.Color(padding) : PadValue.Mean },
        };
        return color == ChannelOrder.Gray ? preprocess with { Mean = [preprocess.Mean[0]], Std = [preprocess.Std[0]] } : preprocess;
    }

    private static (Preprocessor Numbers, Preprocessor Packing) Both(PreprocessManifest preprocess)
    {
        TensorLayout layout = TensorLayout.Float32Nchw(preprocess.Mean.Count);
        return (new(preprocess, layout), new(preprocess, layout, pixels: TensorLayout.PackedPixels));
    }

    private static PixelNormalizer Open(PreprocessManifest preprocess)
    {
        InferenceSession session = new(PixelGraph.Create(InputValues.Create(preprocess)).Adapted);
        return new PixelNormalizer(
            session, new OrtAllocator(session, OrtMemoryInfo.DefaultInstance),
            new OrtMemoryInfo(OrtMemoryInfo.allocatorCPU, OrtAllocatorType.DeviceAllocator, 0, OrtMemType.Default));
    }

    private static byte[] Noise(ImageSize size, int seed = 7)
    {
        byte[] rgb = new byte[size.Pixels * 3];
        new Random(seed).NextBytes(rgb);
        return rgb;
    }

    private static void AssertClose(ReadOnlySpan<float> expected, ReadOnlySpan<float> found)
    {
        Assert.Equal(expected.Length, found.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.Equal(expected[i], found[i], 1e-5f * Math.Max(1, Math.Abs(expected[i])));
        }
    }
}
