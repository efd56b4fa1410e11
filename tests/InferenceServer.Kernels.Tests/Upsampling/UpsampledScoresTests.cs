using InferenceServer.Kernels.Upsampling;

namespace InferenceServer.Kernels.Tests.Upsampling;

public sealed class UpsampledScoresTests
{
    public static TheoryData<int> Widths => [.. Enumerable.Range(1, (4 * System.Numerics.Vector<float>.Count) + 2)];

    [Theory, MemberData(nameof(Widths))]
    public void Compute_AnyWidth_MatchesTheFormulaInDouble(int width)
    {
        const int classes = 3, height = 7;
        ImageSize grid = new(Math.Max(width / 3, 1), 4);
        float[] scores = new float[classes * grid.Pixels];
        Random random = new(width);
        foreach (ref float score in scores.AsSpan())
        {
            score = (random.NextSingle() * 20) - 10;
        }

        AxisTaps rows = AxisTaps.Create(height, height, height, 0, grid.Height, alignCorners: false);
        AxisTaps columns = AxisTaps.Create(width, width, width, 0, grid.Width, alignCorners: false);
        float[] output = new float[classes * width * height];

        UpsampledScores.Compute(scores, classes, grid, rows, columns, output);

        for (int i = 0; i < output.Length; i++)
        {
            (int c, int y, int x) = (i / (width * height), i / width % height, i % width);
            double top = Row(c, rows.Lower[y], x), bottom = Row(c, Math.Min(rows.Lower[y] + 1, grid.Height - 1), x);
            Assert.Equal(top + ((bottom - top) * rows.Fractions[y]), output[i], 1e-4);
        }

        double Row(int c, int gridRow, int x)
        {
            int start = (int)(c * grid.Pixels) + (gridRow * grid.Width);
            double left = scores[start + columns.Lower[x]], right = scores[start + Math.Min(columns.Lower[x] + 1, grid.Width - 1)];
            return left + ((right - left) * columns.Fractions[x]);
        }
    }

    [Fact]
    public void Compute_OutputOfAnotherLength_Throws()
    {
        AxisTaps taps = AxisTaps.Create(4, 4, 4, 0, 2, alignCorners: false);
        Assert.Throws<ArgumentOutOfRangeException>(
            () => UpsampledScores.Compute(new float[8], 2, new ImageSize(2, 2), taps, taps, new float[31]));
    }
}
