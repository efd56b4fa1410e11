using System.Numerics;
using InferenceServer.Kernels.Labels;

namespace InferenceServer.Kernels.Tests.Labels;

public sealed class ExponentialTests
{
    [Fact]
    public void Compute_NonPositive_IsCloseToDoubleAndEqualToScalar()
    {
        for (int i = 0; i <= 90_000; i++)
        {
            float x = -i / 1000f;
            float scalar = Exponential.Scalar(x);
            Assert.Equal(scalar, Exponential.Compute(new Vector<float>(x))[0]);
            Assert.Equal(Math.Exp(x), scalar, Math.Max(3e-7 * Math.Exp(x), 1e-37));
        }
    }

    [Theory]
    [InlineData(float.NegativeInfinity, 0)]
    [InlineData(-1000, 0)]
    [InlineData(0, 1)]
    [InlineData(float.NaN, float.NaN)]
    public void Compute_Special_IsExact(float x, float expected)
    {
        Assert.Equal(expected, Exponential.Scalar(x));
        Assert.Equal(expected, Exponential.Compute(new Vector<float>(x))[0]);
    }
}
