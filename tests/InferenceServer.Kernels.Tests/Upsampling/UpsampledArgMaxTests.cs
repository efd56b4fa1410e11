using System.Numerics;
using InferenceServer.Kernels.Labels;
using InferenceServer.Kernels.Upsampling;

namespace InferenceServer.Kernels.Tests.Upsampling;

public sealed class UpsampledArgMaxTests
{
    public static TheoryData<int> Widths => [.. Enumerable.Range(1, (3 * Vector<byte>.Count) + 2)];

    public static TheoryData<string> TorchCases =>
    [
        .. Directory.EnumerateFiles(Golden.Folder("upsampling"), "*-*-*.gz").Select(path => Path.GetFileNameWithoutExtension(path)),
    ];

    [Theory, MemberData(nameof(Widths))]
    public void Compute_AnyWidth_MatchesScalar(int width) =>
        AssertMatchesScalar(5, new ImageSize(13, 9), new ImageSize(width, 17), ScoreKind.Logits, special: false);

    [Theory, MemberData(nameof(Widths))]
    public void Compute_NaNAndInfinities_MatchesScalar(int width) =>
        AssertMatchesScalar(3, new ImageSize(11, 6), new ImageSize(width, 12), ScoreKind.Logits, special: true);

    [Theory]
    [InlineData(11, 120, 90, 480, 360)]   // stride 4
    [InlineData(150, 64, 8, 512, 16)]     // several tiles
    [InlineData(2, 300, 7, 301, 9)]       // barely larger: eight image columns need more than eight grid columns
    [InlineData(4, 300, 40, 200, 20)]     // smaller than the grid
    [InlineData(4, 300, 40, 100, 20)]     // less than half of the grid
    [InlineData(7, 100, 20, 100, 80)]     // image columns on grid columns
    [InlineData(7, 100, 20, 100, 20)]     // the identity
    [InlineData(256, 9, 2, 1300, 3)]
    [InlineData(700, 9, 2, 130, 3)]       // labels of 16 bits alone
    public void Compute_AnyScale_MatchesScalar(int classes, int gridWidth, int gridHeight, int width, int height)
    {
        ImageSize grid = new(gridWidth, gridHeight), image = new(width, height);
        AssertMatchesScalar(classes, grid, image, ScoreKind.Logits, special: false);
        AssertMatchesScalar(classes, grid, image, ScoreKind.Probabilities, special: false);
    }

    [Theory, MemberData(nameof(TorchCases))]
    public void Compute_TorchCase_MatchesInterpolateThenArgMax(string name)
    {
        string[] parts = name.Split('-');
        ImageSize grid = Resizing.ResizeGoldens.Size(parts[1]), image = Resizing.ResizeGoldens.Size(parts[2]);
        bool alignCorners = parts[0] == "corners";
        AxisTaps rows = AxisTaps.Create(image.Height, image.Height, image.Height, 0, grid.Height, alignCorners);
        AxisTaps columns = AxisTaps.Create(image.Width, image.Width, image.Width, 0, grid.Width, alignCorners);
        float[] enlarged = Golden.Floats("upsampling", name);
        byte[] labels = new byte[image.Pixels], confidence = new byte[image.Pixels];

        UpsampledArgMax.Compute(
            Golden.Floats("upsampling", "scores-" + parts[1]), 3, grid, rows, columns, ScoreKind.Logits, labels, confidence);

        int plane = (int)image.Pixels;
        for (int i = 0; i < plane; i++)
        {
            double[] pixel = [enlarged[i], enlarged[plane + i], enlarged[(2 * plane) + i]];
            double best = pixel.Max();
            Assert.InRange(best - pixel[labels[i]], 0, 1e-4);   // another label only where PyTorch's scores tie
            Assert.Equal(255 / pixel.Sum(score => Math.Exp(score - best)), confidence[i], 0.51);
        }
    }

    [Fact]
    public void Compute_SlicedRows_MatchTheWhole()
    {
        ImageSize grid = new(20, 15);
        float[] scores = Scores.Random(1, 4 * 300);
        AxisTaps rows = AxisTaps.Create(61, 61, 61, 0, 15, false), columns = AxisTaps.Create(83, 83, 83, 0, 20, false);
        byte[] whole = new byte[61 * 83], sliced = new byte[61 * 83];

        UpsampledArgMax.Compute(scores, 4, grid, rows, columns, whole);
        UpsampledArgMax.Compute(scores, 4, grid, rows.Slice(0, 30), columns, sliced.AsSpan(0, 30 * 83));
        UpsampledArgMax.Compute(scores, 4, grid, rows.Slice(30, 31), columns, sliced.AsSpan(30 * 83));

        Assert.Equal(whole, sliced);
    }

    [Fact]
    public void Compute_TapsOfAnotherGrid_Throws()
    {
        AxisTaps taps = AxisTaps.Create(8, 8, 8, 0, 4, false);
        Assert.Throws<ArgumentException>(() => UpsampledArgMax.Compute(new float[50], 2, new ImageSize(5, 5), taps, taps, new byte[64]));
    }

    private static void AssertMatchesScalar(int classes, ImageSize grid, ImageSize image, ScoreKind kind, bool special)
    {
        float[] scores = Scores.Random(image.Width + classes, (int)grid.Pixels * classes, special);
        AxisTaps rows = AxisTaps.Create(image.Height, image.Height, image.Height, 0, grid.Height, false);
        AxisTaps columns = AxisTaps.Create(image.Width, image.Width, image.Width, 0, grid.Width, false);
        byte[] expected = new byte[image.Pixels], actual = new byte[image.Pixels], labels = new byte[image.Pixels];
        byte[] sure = new byte[image.Pixels], confidence = new byte[image.Pixels];

        ushort[] expectedWide = new ushort[image.Pixels], wide = new ushort[image.Pixels];

        UpsampledArgMax.Scalar<ushort>(scores, classes, grid, rows, columns, kind, expectedWide, sure);
        UpsampledArgMax.Compute(scores, classes, grid, rows, columns, kind, wide, confidence);

        Assert.Equal(expectedWide, wide);
        Assert.Equal(sure, confidence);
        if (classes > ArgMax.MaxClasses)
        {
            Assert.Throws<ArgumentOutOfRangeException>(
                () => UpsampledArgMax.Compute(scores, classes, grid, rows, columns, kind, actual, confidence));
            return;
        }

        UpsampledArgMax.Scalar<byte>(scores, classes, grid, rows, columns, kind, expected, sure);
        UpsampledArgMax.Compute(scores, classes, grid, rows, columns, kind, actual, confidence);
        UpsampledArgMax.Compute(scores, classes, grid, rows, columns, labels);

        Assert.Equal(expected, actual);
        Assert.Equal(expectedWide, expected.Select(label => (ushort)label));
        Assert.Equal(expected, labels);
        Assert.Equal(sure, confidence);
    }
}
