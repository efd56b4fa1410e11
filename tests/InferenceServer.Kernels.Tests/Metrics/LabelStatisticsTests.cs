using InferenceServer.Kernels.Metrics;

namespace InferenceServer.Kernels.Tests.Metrics;

public sealed class LabelStatisticsTests
{
    [Fact]
    public void Compute_SmallMap_GivesCountsAndInclusiveBoxes()
    {
        byte[] labels =
        [
            0, 0, 7, 0,
            0, 7, 7, 0,
            0, 0, 0, 255,
        ];

        Assert.Equal(
            [new LabelRegion(0, 8, 0, 0, 4, 3), new LabelRegion(7, 3, 1, 0, 2, 2), new LabelRegion(255, 1, 3, 2, 1, 1)],
            LabelStatistics.Compute(labels, new ImageSize(4, 3)));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(33)]
    [InlineData(100)]
    public void Compute_RandomMap_MatchesBruteForce(int width)
    {
        Random random = new(width);
        byte[] labels = [.. Enumerable.Range(0, width * 9).Select(_ => (byte)(random.Next(12) == 0 ? random.Next(256) : 3))];

        foreach (LabelRegion region in LabelStatistics.Compute(labels, new ImageSize(width, 9)))
        {
            int[] places = [.. Enumerable.Range(0, labels.Length).Where(i => labels[i] == region.Label)];
            Assert.Equal(places.Length, region.Pixels);
            Assert.Equal(places.Min(i => i % width), region.Left);
            Assert.Equal(places.Max(i => i % width), region.Left + region.Width - 1);
            Assert.Equal(places[0] / width, region.Top);
            Assert.Equal(places[^1] / width, region.Top + region.Height - 1);
        }
    }

    [Fact]
    public void Compute_Empty_HasNoRegions() => Assert.Empty(LabelStatistics.Compute([], new ImageSize(0, 0)));
}
