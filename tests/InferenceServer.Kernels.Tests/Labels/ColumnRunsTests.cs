using InferenceServer.Kernels.Labels;
using InferenceServer.Kernels.Tests.Outlines;

namespace InferenceServer.Kernels.Tests.Labels;

public sealed class ColumnRunsTests
{
    [Fact]
    public void Compute_SmallMap_GoesDownTheColumns()
    {
        byte[] labels =
        [
            5, 0, 0,
            5, 5, 0,
        ];

        IReadOnlyList<ColumnRuns> runs = ColumnRuns.Compute(labels, new ImageSize(3, 2));

        Assert.Equal([0, 5], runs.Select(r => (int)r.Label));
        Assert.Equal([2, 1, 1, 2], runs[0].Counts);
        Assert.Equal([0, 2, 1, 1, 2], runs[1].Counts);
    }

    [Theory]
    [MemberData(nameof(RandomMaps.Cases), MemberType = typeof(RandomMaps))]
    [InlineData(63, 5, 40)]
    [InlineData(64, 5, 42)]
    [InlineData(65, 5, 44)]
    [InlineData(130, 3, 45)]
    public void Compute_AnyMap_DecodesToIt(int width, int height, int seed)
    {
        byte[] labels = RandomMaps.Create(width, height, seed);
        byte[] decoded = [.. Enumerable.Repeat((byte)255, labels.Length)];

        foreach (ColumnRuns runs in ColumnRuns.Compute(labels, new ImageSize(width, height)))
        {
            Assert.DoesNotContain(0, runs.Counts.Skip(1));
            int at = 0;
            for (int i = 0; i < runs.Counts.Count; at += runs.Counts[i++])
            {
                for (int j = at; i % 2 == 1 && j < at + runs.Counts[i]; j++)
                {
                    decoded[(j % height * width) + (j / height)] = runs.Label;
                }
            }

            Assert.Equal(labels.Length, at);
        }

        Assert.Equal(labels, decoded);
    }

    [Fact]
    public void Compute_Empty_HasNoRuns() => Assert.Empty(ColumnRuns.Compute([], new ImageSize(0, 0)));
}
