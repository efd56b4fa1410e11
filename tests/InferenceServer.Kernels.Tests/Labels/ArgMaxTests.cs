using System.Numerics;
using InferenceServer.Kernels.Labels;

namespace InferenceServer.Kernels.Tests.Labels;

public sealed class ArgMaxTests
{
    public static TheoryData<int> PixelCounts => [.. Enumerable.Range(0, (3 * Vector<byte>.Count) + 2)];

    [Theory, MemberData(nameof(PixelCounts))]
    public void Compute_AnyPixelCount_MatchesScalar(int pixels)
    {
        foreach (int classes in new[] { 1, 2, 21, 256 })
        {
            float[] scores = Scores.Random(pixels + classes, pixels * classes, special: true);
            byte[] expected = new byte[pixels], actual = new byte[pixels];

            ArgMax.Scalar(scores, classes, expected);
            ArgMax.Compute(scores, classes, actual);

            Assert.Equal(expected, actual);
        }
    }

    [Fact]
    public void Compute_Tie_KeepsTheLowerClass() => Assert.Equal([1], Labels([0, 5, 5, 5]));

    [Fact]
    public void Compute_NaN_NeverWins() => Assert.Equal([2], Labels([float.NaN, -3, -2, float.NaN]));

    [Fact]
    public void Compute_NothingButNaN_IsZero() => Assert.Equal([0], Labels([float.NaN, float.NaN]));

    [Fact]
    public void Compute_Infinity_Wins() => Assert.Equal([1], Labels([float.NegativeInfinity, float.PositiveInfinity, 9]));

    [Fact]
    public void Compute_TooManyClasses_Throws() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => ArgMax.Compute(new float[257], 257, new byte[1]));

    /// <summary>Labels one pixel, both alone and repeated over several vectors, so that both code paths run.</summary>
    private static byte[] Labels(float[] scores)
    {
        byte[] wide = new byte[100], one = new byte[1];
        ArgMax.Compute([.. scores.SelectMany(score => Enumerable.Repeat(score, 100))], scores.Length, wide);
        ArgMax.Compute(scores, scores.Length, one);
        Assert.All(wide, label => Assert.Equal(one[0], label));
        return one;
    }
}
