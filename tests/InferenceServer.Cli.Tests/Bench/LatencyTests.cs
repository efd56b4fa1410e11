using InferenceServer.Cli.Bench;

namespace InferenceServer.Cli.Tests.Bench;

public sealed class LatencyTests
{
    [Theory]
    [InlineData(0, 1)]
    [InlineData(0.5, 2.5)]
    [InlineData(0.9, 3.7)]
    [InlineData(1, 4)]
    public void Percentile_FourValues_InterpolatesAsNumpy(double share, double expected) =>
        Assert.Equal(expected, Latency.Percentile([3, 1, 4, 2], share), 12);

    [Fact]
    public void Of_OneTime_IsThatTimeThroughout() =>
        Assert.Equal(new Latency(2, 2, 2, 2, 2), Latency.Of([TimeSpan.FromMilliseconds(2)]));
}
