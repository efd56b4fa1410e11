using InferenceServer.Kernels.Metrics;

namespace InferenceServer.Kernels.Tests.Metrics;

public sealed class ClassConfidenceTests
{
    [Fact]
    public void Compute_SmallMap_IsTheMeanOfEachLabel()
    {
        double[] means = ClassConfidence.Compute([3, 3, 7, 255], [255, 0, 51, 255]);

        Assert.Equal(256, means.Length);
        Assert.Equal([0.5, 0.2, 1], [means[3], means[7], means[255]]);
        Assert.Equal(1.7, means.Sum(), 12);
    }

    [Fact]
    public void Compute_NoConfidences_IsZero() => Assert.All(ClassConfidence.Compute([1, 2], []), mean => Assert.Equal(0, mean));

    [Fact]
    public void Compute_AnotherLength_Throws() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => ClassConfidence.Compute([1, 2], [255]));
}
