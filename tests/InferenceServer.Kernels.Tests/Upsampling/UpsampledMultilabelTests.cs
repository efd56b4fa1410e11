using System.Numerics;
using InferenceServer.Kernels.Labels;
using InferenceServer.Kernels.Upsampling;

namespace InferenceServer.Kernels.Tests.Upsampling;

public sealed class UpsampledMultilabelTests
{
    private const int None = 255;
    private static readonly float[] Thresholds = [.2f, .5f, .9f];

    public static TheoryData<int> Widths => [.. Enumerable.Range(1, (3 * Vector<byte>.Count) + 2)];

    [Theory, MemberData(nameof(Widths))]
    public void Compute_AnyWidth_MatchesScalar(int width)
    {
        float[] scores = Scores.Random(width, 3 * width, special: true);
        AxisTaps rows = AxisTaps.Create(1, 1, 1, 0, 1, false), columns = AxisTaps.Create(width, width, width, 0, width, false);
        foreach (ScoreKind kind in Enum.GetValues<ScoreKind>())
        {
            float[] cuts = UpsampledMultilabel.Cuts(kind, Thresholds);
            byte[] expected = new byte[width], sure = new byte[width], claimed = new byte[3 * width];
            byte[] labels = new byte[width], confidence = new byte[width], claims = new byte[3 * width];
            ushort[] wide = new ushort[width];
            ScoreRows pixels = new(scores, scores, width, 0, 3, width);
            new MultilabelRow(pixels, kind, cuts, None, sure, claimed, width).Scalar<byte>(expected, 0);

            UpsampledMultilabel.Compute<byte>(
                scores, new ImageSize(width, 1), rows, columns, kind, cuts, None, labels, confidence, claims, width);
            UpsampledMultilabel.Compute<ushort>(
                scores, new ImageSize(width, 1), rows, columns, kind, cuts, None, wide, [], [], width);

            Assert.Equal(expected, labels);
            Assert.Equal(expected.Select(label => (ushort)label), wide);
            Assert.Equal(sure, confidence);
            Assert.Equal(claimed, claims);
        }
    }

    [Fact]
    public void Compute_EnlargedGrid_ClaimsWhatTheThresholdOfEachClassGives()
    {
        ImageSize grid = new(9, 7);
        float[] scores = Scores.Random(3, 3 * 63);
        AxisTaps rows = AxisTaps.Create(28, 28, 28, 0, 7, false), columns = AxisTaps.Create(36, 36, 36, 0, 9, false);
        byte[] labels = new byte[28 * 36], claims = new byte[3 * labels.Length], one = new byte[labels.Length];

        UpsampledMultilabel.Compute<byte>(
            scores, grid, rows, columns, ScoreKind.Logits, UpsampledMultilabel.Cuts(ScoreKind.Logits, Thresholds), None, labels, [], claims,
            labels.Length);

        for (int c = 0; c < 3; c++)
        {
            UpsampledThreshold.Compute(scores.AsSpan(63 * c, 63), grid, rows, columns, ScoreKind.Logits, Thresholds[c], one, []);
            Assert.Equal(one, claims[(c * one.Length)..((c + 1) * one.Length)]);
        }

        for (int i = 0; i < labels.Length; i++)
        {
            bool[] claimed = [.. Enumerable.Range(0, 3).Select(c => claims[(c * labels.Length) + i] == 1)];
            Assert.Equal(claimed.Any(c => c), labels[i] != None);
            Assert.True(labels[i] == None || claimed[labels[i]]);
        }
    }

    [Theory]
    [InlineData(0.95f, 0.3f, 0.1f, 0, 242)]        // the most probable of two
    [InlineData(0.1f, 0.4f, 0.8f, None, 51)]       // 1 − 0.8
    [InlineData(0.5f, 0.6f, 0.95f, 2, 242)]
    [InlineData(float.NaN, 0.6f, 0.2f, 1, 153)]
    public void Compute_Probabilities_IsTheMostProbableOfTheClaims(float a, float b, float c, int label, int sure)
    {
        AxisTaps one = AxisTaps.Create(1, 1, 1, 0, 1, false);
        byte[] labels = new byte[1], confidence = new byte[1];

        UpsampledMultilabel.Compute<byte>(
            [a, b, c], new ImageSize(1, 1), one, one, ScoreKind.Probabilities, Thresholds, None, labels, confidence, [], 1);

        Assert.Equal((label, sure), (labels[0], confidence[0]));
    }

    [Fact]
    public void Compute_LabelsWithASign_Throws()
    {
        AxisTaps one = AxisTaps.Create(1, 1, 1, 0, 1, false);
        Assert.Throws<ArgumentException>(() => UpsampledMultilabel.Compute<int>(
            new float[3], new ImageSize(1, 1), one, one, ScoreKind.Logits, Thresholds, None, new int[1], [], [], 1));
    }

    [Fact]
    public void Sigmoid_AnyLength_IsTheFormula()
    {
        for (int length = 0; length < (2 * Vector<float>.Count) + 2; length++)
        {
            float[] logits = Scores.Random(length, length), probabilities = [.. logits];

            Sigmoid.Compute(probabilities);

            Assert.All(probabilities, (p, i) => Assert.Equal(1 / (1 + Math.Exp(-logits[i])), p, 1e-6));
        }
    }
}
