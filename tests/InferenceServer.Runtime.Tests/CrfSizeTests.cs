using DenseCrf;
using InferenceServer.Kernels;
using InferenceServer.Runtime.Refinement;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Tests;

/// <summary>Sizes that cannot be refined are refused before the network runs.</summary>
public sealed class CrfSizeTests
{
    private static readonly CrfOverrides Narrow = new() { BilateralXy = 0.1f, BilateralRgb = 0.1f };

    [Theory]
    [InlineData(20_000, 1, 2, 2L << 30, "deviations are too small")]
    [InlineData(1, 20_000, 2, 2L << 30, "deviations are too small")]
    [InlineData(4000, 4000, 150, 2L << 30, "Crf:MaxBytes")]
    [InlineData(1000, 1000, 21, 1L << 20, "Crf:MaxBytes")]
    [InlineData(4000, 3000, 11, 2L << 30, "Crf:MaxBytes")]
    public void Check_SizeThatCannotBeRefined_IsRefused(int width, int height, int classes, long maxBytes, string reason)
    {
        using CrfRefiner refiner = new(Options.Create(new CrfOptions { MaxBytes = maxBytes }));
        CrfOverrides wanted = Math.Min(width, height) == 1 ? Narrow : new CrfOverrides();

        SegmentationException e = Assert.Throws<SegmentationException>(
            () => refiner.Check(new ImageSize(width, height), classes, refiner.Resolve(null, wanted)));

        Assert.Equal(SegmentationError.InvalidRequest, e.Error);
        Assert.Contains($"The image of {width}×{height} with {classes} classes cannot be refined", e.Message, StringComparison.Ordinal);
        Assert.Contains(reason, e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, 1, 2, CrfQuality.Exact)]
    [InlineData(640, 480, 21, CrfQuality.Exact)]
    [InlineData(640, 480, 21, CrfQuality.Fast)]
    [InlineData(333, 777, 256, CrfQuality.Exact)]
    public void Check_LimitOfWhatARefinementTook_Passes(int width, int height, int classes, CrfQuality quality)
    {
        using CrfRefiner generous = new(Options.Create(new CrfOptions()));
        CrfSettings settings = generous.Resolve(null, new CrfOverrides { Quality = quality });
        using CrfWorkspace workspace = new(8L << 30);
        float[] scores = new float[width * height * classes];
        Array.Fill(scores, 1f / classes);
        CrfInput input = CrfInput.FromProbabilities(scores, new byte[width * height * 3], width, height, classes);
        CrfInference.Label(
            input, new CrfParameters { Kernels = settings.Kernels(), Iterations = 1, Quality = quality }, workspace,
            new byte[width * height]);

        using CrfRefiner refiner = new(Options.Create(new CrfOptions { MaxBytes = workspace.Bytes }));

        refiner.Check(new ImageSize(width, height), classes, settings); // an image of one colour needs least
    }
}
