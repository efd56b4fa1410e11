using System.Numerics;
using InferenceServer.Kernels.Labels;
using InferenceServer.Kernels.Upsampling;

namespace InferenceServer.Kernels.Tests.Upsampling;

public sealed class UpsampledThresholdTests
{
    public static TheoryData<int> Widths => [.. Enumerable.Range(1, (3 * Vector<byte>.Count) + 2)];

    [Theory, MemberData(nameof(Widths))]
    public void Compute_AnyWidth_MatchesScalar(int width)
    {
        float[] scores = Scores.Random(width, width, special: true);
        AxisTaps rows = AxisTaps.Create(1, 1, 1, 0, 1, false), columns = AxisTaps.Create(width, width, width, 0, width, false);
        byte[] expected = new byte[width], actual = new byte[width], sure = new byte[width], confidence = new byte[width];
        foreach (ScoreKind kind in Enum.GetValues<ScoreKind>())
        {
            ScoreRows pixels = new(scores, scores, width, 0, 1, width);
            UpsampledThreshold.Scalar(pixels, kind, UpsampledThreshold.Cut(kind, .3f), expected, sure, 0);
            UpsampledThreshold.Compute(scores, new ImageSize(width, 1), rows, columns, kind, .3f, actual, confidence);

            Assert.Equal(expected, actual);
            Assert.Equal(sure, confidence);
        }
    }

    [Theory]
    [InlineData(.5f)]
    [InlineData(.9f)]
    public void Compute_Logits_MatchesTheFormulaInDouble(float threshold)
    {
        ImageSize grid = new(9, 7);
        float[] scores = Scores.Random(3, 63);
        AxisTaps rows = AxisTaps.Create(28, 28, 28, 0, 7, false), columns = AxisTaps.Create(36, 36, 36, 0, 9, false);
        byte[] labels = new byte[28 * 36], confidence = new byte[28 * 36];

        UpsampledThreshold.Compute(scores, grid, rows, columns, ScoreKind.Logits, threshold, labels, confidence);

        for (int i = 0; i < labels.Length; i++)
        {
            int y = i / 36, x = i % 36;
            double score = Mix(Row(rows.Lower[y]), Row(rows.Upper(y)), rows.Fractions[y]);
            double probability = 1 / (1 + Math.Exp(-score));
            if (Math.Abs(probability - threshold) > 1e-5)
            {
                Assert.Equal(probability > threshold ? 1 : 0, labels[i]);
                Assert.Equal(255 * (labels[i] == 1 ? probability : 1 - probability), confidence[i], 0.51);
            }

            double Row(int row) =>
                Mix(scores[(row * 9) + columns.Lower[x]], scores[(row * 9) + columns.Upper(x)], columns.Fractions[x]);
        }
    }

    [Theory]
    [InlineData(0, ScoreKind.Probabilities, 0, 255)]
    [InlineData(.5f, ScoreKind.Probabilities, 0, 128)]
    [InlineData(.75f, ScoreKind.Probabilities, 1, 191)]
    [InlineData(7, ScoreKind.Probabilities, 1, 255)]
    [InlineData(0, ScoreKind.Logits, 0, 128)]
    [InlineData(1000, ScoreKind.Logits, 1, 255)]
    [InlineData(-1000, ScoreKind.Logits, 0, 255)]
    [InlineData(float.NaN, ScoreKind.Logits, 0, 0)]
    public void Compute_OnePixel_HasTheDocumentedLabelAndConfidence(float score, ScoreKind kind, byte label, byte confidence)
    {
        AxisTaps one = AxisTaps.Create(1, 1, 1, 0, 1, false);
        byte[] labels = new byte[1], sure = new byte[1];

        UpsampledThreshold.Compute([score], new ImageSize(1, 1), one, one, kind, .5f, labels, sure);

        Assert.Equal(label, labels[0]);
        Assert.Equal(confidence, sure[0]);
    }

    [Theory]
    [InlineData(-.1f)]
    [InlineData(1.1f)]
    [InlineData(float.NaN)]
    public void Compute_ThresholdOutOfRange_Throws(float threshold) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => UpsampledThreshold.Cut(ScoreKind.Logits, threshold));

    private static double Mix(double lower, double upper, double fraction) => (lower * (1 - fraction)) + (upper * fraction);
}
