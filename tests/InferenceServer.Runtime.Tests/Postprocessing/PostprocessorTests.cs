using InferenceServer.Kernels;
using InferenceServer.Kernels.Resizing;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Postprocessing;
using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Sessions;

namespace InferenceServer.Runtime.Tests.Postprocessing;

public class PostprocessorTests
{
    private static readonly InputGeometry Plain = new(
        new ImageSize(4, 2), new ImageSize(4, 2), new ImageSize(4, 2), new ImageSize(4, 2), 0, 0);

    [Fact]
    public void Compute_LogitsAtFullSize_IsArgMax()
    {
        float[] logits = [9, 0, 0, 1, 0, 5, 0, 0, 0, 9, 0, 2, 0, 5, 0, 1, 0, 0, 9, 3, 0, 5, 1, 0];
        using Mask map = Compute(OutputKind.Logits, logits, [1, 3, 2, 4], Plain);
        Assert.Equal([0, 1, 2, 2, 0, 0, 2, 1], map.Labels.ToArray());
    }

    [Fact]
    public void Compute_PaddedInput_IgnoresWhatTheNetworkSawInThePadding()
    {
        // The image is the left upper 4×2 of a 6×3 input; everything else is class 1, very surely.
        float[] logits = new float[2 * 18];
        for (int i = 0; i < 18; i++)
        {
            logits[i] = i % 6 < 4 && i / 6 < 2 ? 1 : 0;
            logits[18 + i] = i % 6 < 4 && i / 6 < 2 ? 0 : 1000;
        }

        InputGeometry geometry = Plain with { Input = new ImageSize(6, 3), Bucket = new ImageSize(6, 3) };
        using Mask map = Compute(OutputKind.Logits, logits, [1, 2, 3, 6], geometry);
        Assert.All(map.Labels.ToArray(), label => Assert.Equal(0, label));
    }

    [Fact]
    public void Compute_CenteredPhotograph_IsCutOutOfTheMiddle()
    {
        float[] logits = new float[2 * 6 * 4];
        logits[24 + (1 * 6) + 1] = 5; // input (1, 1) is image (0, 0)
        InputGeometry geometry = Plain with { Input = new ImageSize(6, 4), Bucket = new ImageSize(6, 4), Left = 1, Top = 1 };
        using Mask map = Compute(OutputKind.Logits, logits, [1, 2, 4, 6], geometry);
        Assert.Equal([1, 0, 0, 0, 0, 0, 0, 0], map.Labels.ToArray());
    }

    [Fact]
    public void Compute_SuperResolvedOutput_LandsOnThePhotographPixelByPixel()
    {
        // Image 4×2, network input 2×1, output scale 2: the output's grid is the image's.
        float[] logits = [1, 0, 1, 0, 0, 1, 0, 1, 0, 1, 0, 1, 1, 0, 1, 0];
        InputGeometry geometry = Plain with { Resized = new ImageSize(2, 1), Input = new ImageSize(2, 1), Bucket = new ImageSize(2, 1) };
        using Mask map = Compute(OutputKind.Logits, logits, [1, 2, 2, 4], geometry);
        Assert.Equal([0, 1, 0, 1, 1, 0, 1, 0], map.Labels.ToArray());
    }

    [Fact]
    public void Compute_BinaryLogit_CutsAtTheThreshold()
    {
        // sigmoid(x) > 0.75 where x > log 3 = 1.0986
        using Mask map = Compute(OutputKind.BinaryLogit, [-5, 0, 1.09f, 1.11f, 5, 1.2f, -1, 2], [1, 1, 2, 4], Plain, threshold: 0.75f);
        Assert.Equal([0, 0, 0, 1, 1, 1, 0, 1], map.Labels.ToArray());
    }

    [Theory]
    [InlineData(OutputKind.Logits, 3)]
    [InlineData(OutputKind.Probabilities, 3)]
    [InlineData(OutputKind.BinaryLogit, 1)]
    [InlineData(OutputKind.BinaryProbability, 1)]
    [InlineData(OutputKind.MultilabelProbabilities, 3)]
    public void Compute_NaN_GivesItsPixelsNoClass(object kind, int channels)
    {
        float[] scores = new float[channels * 8];
        scores.AsSpan()[^8..].Fill(1); // the last class, but for two pixels
        scores[1] = scores[^1] = float.NaN;

        using Mask map = Compute((OutputKind)kind, scores, [1, channels, 2, 4], Plain);

        int last = Math.Max(channels - 1, 1);
        Assert.Equal([last, 255, last, last, last, last, last, 255], map.Labels.ToArray().Select(label => (int)label));
    }

    [Fact]
    public void Compute_NaNOnACoarseGrid_TouchesThePixelsThatAreInterpolatedFromIt()
    {
        // Columns of the grid lie at 0.5 and 2.5 of the image: all but the first column see the right one.
        using Mask map = Compute(OutputKind.Logits, [0, 0, 1, float.NaN], [1, 2, 1, 2], Plain);

        Assert.Equal([1, 255, 255, 255, 1, 255, 255, 255], map.Labels.ToArray());
    }

    [Fact]
    public void Compute_Confidence_IsTheWinnersSoftmax()
    {
        float[] logits = [2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4];
        using Mask map = Compute(OutputKind.Logits, logits, [1, 2, 2, 4], Plain, withConfidence: true);
        Assert.Equal(Math.Round(255 / (1 + Math.Exp(-2))), map.Confidence.Span[0]);
        Assert.Equal(128, map.Confidence.Span[1]); // a tie: one half
        Assert.Equal(Math.Round(255 / (1 + Math.Exp(-4))), map.Confidence.Span[7]);
    }

    private static Mask Compute(
        OutputKind kind, float[] values, int[] shape, InputGeometry geometry, float? threshold = null, bool withConfidence = false)
    {
        ModelManifest manifest = new()
        {
            Schema = 1,
            Graph = new GraphManifest { OutputKind = kind },
            Preprocess = InputSizingManifest(),
            Postprocess = new PostprocessManifest { Threshold = threshold is { } one ? [one] : null },
            Classes = new ClassesManifest { Names = ["a", "b", "c"], Palette = ["voc"] },
        };
        using ModelOutput output = new(values, shape);
        return new Postprocessor(manifest, kind, OutputGrid.Of(1, 1)).Compute(output, geometry, withConfidence);
    }

    private static PreprocessManifest InputSizingManifest() =>
        Preprocessing.InputSizingTests.Preprocess(
            new ResizeManifest { Mode = ResizeMode.None, Filter = ResizeFilter.Bilinear, Antialias = false }, 1, 0);
}
