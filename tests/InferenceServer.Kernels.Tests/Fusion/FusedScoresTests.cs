using System.Numerics;
using InferenceServer.Kernels.Fusion;
using InferenceServer.Kernels.Upsampling;

namespace InferenceServer.Kernels.Tests.Fusion;

public sealed class FusedScoresTests
{
    private const int Classes = 5;

    public static IEnumerable<object[]> WidthsAndFusions =>
        from width in Enumerable.Range(1, (4 * Vector<float>.Count) + 2)
        from fusion in Enum.GetValues<ScoreFusion>()
        select (object[])[width, fusion];

    [Theory, MemberData(nameof(WidthsAndFusions))]
    public void Compute_AnyWidth_MatchesScalar(int width, ScoreFusion fusion)
    {
        float[] lower = Scores.Random(width, Classes * width), upper = Scores.Random(width + 1, Classes * width);
        float[] weights = Weights(width);
        ScoreRows pixels = new(lower, upper, width, 0.25f, Classes, width);
        float[] expected = Scores.Random(width + 2, Classes * (width + 3)), actual = [.. expected];

        FusedRow.Scalar(pixels, fusion, 0.5f, weights, expected, width + 3, start: 0);
        FusedRow.Compute(pixels, fusion, 0.5f, weights, actual, width + 3);

        Assert.Equal(expected, actual);
    }

    [Theory, MemberData(nameof(WidthsAndFusions))]
    public void Compute_NaNAndInfinities_MatchesScalar(int width, ScoreFusion fusion)
    {
        float[] row = Scores.Random(width, Classes * width, special: true), weights = Weights(width);
        ScoreRows pixels = new(row, row, width, 0, Classes, width);
        float[] expected = new float[Classes * width], actual = new float[Classes * width];

        FusedRow.Scalar(pixels, fusion, 1, weights, expected, width, start: 0);
        FusedRow.Compute(pixels, fusion, 1, weights, actual, width);

        Assert.Equal(expected, actual);
    }

    [Theory, MemberData(nameof(WidthsAndFusions))]
    public void Add_TwoPasses_IsTheFormulaInDouble(int width, ScoreFusion fusion)
    {
        const int Height = 4;
        ImageSize size = new(width, Height);
        float[] first = Scores.Random(width, Classes * width * Height), second = Scores.Random(width + 1, first.Length);
        float[] rowWeights = Weights(Height), columnWeights = Weights(width), values = new float[first.Length];
        ScoreCanvas canvas = ScoreCanvas.Planes(values, Classes, size);
        canvas.Clear(0, Height, fusion);
        foreach (float[] scores in (float[][])[first, second])
        {
            FusedScores.Add(scores, size, Identity(Height), Identity(width), fusion, rowWeights, columnWeights, canvas, 0, 0);
        }

        for (int i = 0; i < values.Length; i++)
        {
            int pixel = i % (width * Height);
            double weight = rowWeights[pixel / width] * columnWeights[pixel % width];
            double expected = fusion == ScoreFusion.Max ? Math.Max(first[i], second[i]) : (Term(first, i) + Term(second, i)) * weight;
            Assert.Equal(expected, values[i], 1e-5);
        }

        double Term(float[] scores, int i) => fusion switch
        {
            ScoreFusion.AddSoftmax => Math.Exp(scores[i]) / Sum(scores, i % (width * Height)),
            ScoreFusion.AddSigmoid => 1 / (1 + Math.Exp(-scores[i])),
            _ => scores[i],
        };

        double Sum(float[] scores, int pixel) =>
            Enumerable.Range(0, Classes).Sum(c => Math.Exp(scores[(c * width * Height) + pixel]));
    }

    [Fact]
    public void Add_BandOfRows_HoldsWhatPlanesHold()
    {
        const int Width = 19, Height = 12, Held = 5;
        ImageSize grid = new(7, Held);
        float[] planes = new float[Classes * Width * Height], band = new float[Classes * Width * Held];
        ScoreCanvas whole = ScoreCanvas.Planes(planes, Classes, new ImageSize(Width, Height));
        ScoreCanvas some = ScoreCanvas.Band(band, Classes, Width, Held);
        AxisTaps across = AxisTaps.Create(Width - 2, Width - 2, Width - 2, 0, grid.Width, alignCorners: false);
        for (int top = 0; top < Height; top += 3)
        {
            int rows = Math.Min(Held, Height - top);
            float[] scores = Scores.Random(top, (int)(Classes * grid.Pixels));
            AxisTaps down = AxisTaps.Create(rows, rows, rows, 0, grid.Height, alignCorners: false);
            int begun = top == 0 ? 0 : Math.Min(top - 3 + Held, Height);
            whole.Clear(begun, top + rows, ScoreFusion.AddSoftmax);
            some.Clear(begun, top + rows, ScoreFusion.AddSoftmax);
            FusedScores.Add(scores, grid, down, across, ScoreFusion.AddSoftmax, Weights(rows), Weights(Width - 2), whole, 1, top);
            FusedScores.Add(scores, grid, down, across, ScoreFusion.AddSoftmax, Weights(rows), Weights(Width - 2), some, 1, top);
            for (int y = top; y < Math.Min(top + 3, Height); y++)
            {
                for (int c = 0; c < Classes; c++)
                {
                    Assert.Equal(whole.Row(y, c).ToArray(), some.Row(y, c).ToArray());
                }
            }
        }
    }

    [Fact]
    public void Add_PassOutsideOfTheCanvas_Throws()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => Add(rows: 4, left: 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => Add(rows: 3, left: 0));

        static void Add(int rows, int left)
        {
            float[] weights = [1, 1, 1, 1];
            ScoreCanvas canvas = ScoreCanvas.Band(new float[5 * rows], 1, 5, rows);
            FusedScores.Add(
                new float[16], new ImageSize(4, 4), Identity(4), Identity(4), ScoreFusion.Add, weights, weights, canvas, left, 0);
        }
    }

    private static AxisTaps Identity(int length) => AxisTaps.Create(length, length, length, 0, length, alignCorners: false);

    private static float[] Weights(int count) => [.. Enumerable.Range(0, count).Select(i => 1f / (1 + (i % 3)))];
}
