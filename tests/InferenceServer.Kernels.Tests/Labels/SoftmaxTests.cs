using System.Numerics;
using InferenceServer.Kernels.Labels;

namespace InferenceServer.Kernels.Tests.Labels;

public sealed class SoftmaxTests
{
    public static TheoryData<int> PixelCounts => [.. Enumerable.Range(0, (4 * Vector<float>.Count) + 2)];

    [Theory, MemberData(nameof(PixelCounts))]
    public void Compute_AnyPixelCount_MatchesScalarAndDouble(int pixels)
    {
        const int Classes = 7;
        float[] scores = Scores.Random(pixels, pixels * Classes), expected = [.. scores], actual = [.. scores];

        Softmax.Scalar(expected, Classes, 0);
        Softmax.Compute(actual, Classes);

        Assert.Equal(expected, actual);
        for (int i = 0; i < actual.Length; i++)
        {
            double sum = Enumerable.Range(0, Classes).Sum(c => Math.Exp(scores[(c * pixels) + (i % pixels)]));
            Assert.Equal(Math.Exp(scores[i]) / sum, actual[i], 5e-7);
        }
    }

    [Theory, MemberData(nameof(PixelCounts))]
    public void Compute_NaNAndInfinities_MatchesScalar(int pixels)
    {
        float[] expected = Scores.Random(pixels, pixels * 5, special: true), actual = [.. expected];

        Softmax.Scalar(expected, 5, 0);
        Softmax.Compute(actual, 5);

        Assert.Equal(expected, actual);
    }

    [Fact]
    public void Compute_HugeLogits_StaysFinite()
    {
        float[] scores = [1000, -1000, 1000, -1000];
        Softmax.Compute(scores, 4);
        Assert.Equal([.5f, 0, .5f, 0], scores);
    }

    [Fact]
    public void Compute_MaskedClass_IsZero()
    {
        float[] scores = [float.NegativeInfinity, 3, 3];
        Softmax.Compute(scores, 3);
        Assert.Equal([0, .5f, .5f], scores);
    }
}
