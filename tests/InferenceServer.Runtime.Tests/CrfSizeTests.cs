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
    [InlineData(1, 1, 2, CrfQuality.Exact, false)]
    [InlineData(640, 480, 21, CrfQuality.Exact, false)]
    [InlineData(640, 480, 21, CrfQuality.Fast, false)]
    [InlineData(333, 777, 256, CrfQuality.Exact, false)]
    [InlineData(640, 480, 21, CrfQuality.Exact, true)]
    [InlineData(640, 480, 21, CrfQuality.Fast, true)]
    [InlineData(320, 240, 33, CrfQuality.Exact, true)]
    public void Check_LimitOfWhatARefinementTook_Passes(int width, int height, int classes, CrfQuality quality, bool isNoise)
    {
        CrfOptions options = new() { Threads = 2 };
        using CrfRefiner generous = new(Options.Create(options));
        CrfSettings settings = generous.Resolve(null, new CrfOverrides { Quality = quality, Iterations = 4 });
        byte[] rgb = new byte[width * height * 3];
        if (isNoise)
        {
            new Random(5).NextBytes(rgb);
        }

        long taken = Refine(width, height, classes, rgb, settings, options);
        using CrfRefiner refiner = new(Options.Create(new CrfOptions { Threads = 2, MaxBytes = taken }));
        ImageSize size = new(width, height);

        refiner.Check(size, classes, settings); // an image of one colour needs least
        refiner.Check(size, classes, settings, rgb);
    }

    [Fact]
    public void Check_ColoursThatNeedMore_IsRefusedByThemAlone()
    {
        CrfOptions options = new() { Threads = 2, MaxBytes = 96 << 20 };
        using CrfRefiner refiner = new(Options.Create(options));
        CrfSettings settings = refiner.Resolve(null, new CrfOverrides());
        ImageSize size = new(640, 480);
        byte[] plain = new byte[size.Pixels * 3], noise = new byte[size.Pixels * 3];
        new Random(5).NextBytes(noise);

        refiner.Check(size, 5, settings);
        refiner.Check(size, 5, settings, plain);
        SegmentationException e = Assert.Throws<SegmentationException>(() => refiner.Check(size, 5, settings, noise));

        Assert.Equal(
            "The image of 640×480 with 5 classes cannot be refined: the refinement needs more memory than the limit of 96 MiB "
            + "(Crf:MaxBytes). Refine a smaller image, or leave refine out.",
            e.Message);
    }

    private static long Refine(int width, int height, int classes, byte[] rgb, CrfSettings settings, CrfOptions options)
    {
        using CrfWorkspace workspace = new(8L << 30);
        float[] scores = new float[width * height * classes];
        Array.Fill(scores, 1f / classes);
        CrfParameters parameters = new()
        {
            Kernels = settings.Kernels(),
            Iterations = settings.Iterations,
            Quality = settings.Quality,
            Threads = options.Threads,
            PruneBelow = options.PruneBelow,
        };
        CrfInput input = CrfInput.FromProbabilities(scores, rgb, width, height, classes);
        CrfInference.Label(input, parameters, workspace, new byte[width * height]);
        return workspace.Bytes;
    }
}
