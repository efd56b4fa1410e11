using InferenceServer.Kernels;
using InferenceServer.Runtime.Postprocessing;

namespace InferenceServer.Runtime.Tests.Postprocessing;

public sealed class LabelPlaneTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(255, 1)]
    [InlineData(256, 2)]
    [InlineData(700, 3)]
    public void Planes_WideLabels_HoldEachPixelOnce(int distinct, int planes)
    {
        using Mask mask = new(new ImageSize(100, 20), withConfidence: false, classes: 65_535);
        Span<ushort> labels = mask.WideLabels.Span;
        for (int i = 0; i < labels.Length; i++)
        {
            labels[i] = (ushort)(i % distinct * 93);
        }

        IReadOnlyList<LabelPlane> found = mask.Planes();

        Assert.Equal(planes, found.Count);
        for (int i = 0; i < labels.Length; i++)
        {
            Assert.Equal([labels[i]], Classes(found, i));
        }
    }

    [Fact]
    public void Planes_Bytes_AreTheLabels()
    {
        using Mask mask = new(new ImageSize(16, 16), withConfidence: false);
        for (int i = 0; i < 256; i++)
        {
            mask.Labels.Span[i] = (byte)i;
        }

        IReadOnlyList<LabelPlane> found = mask.Planes();

        Assert.Single(found);
        Assert.All(Enumerable.Range(0, 256), i => Assert.Equal([i], Classes(found, i)));
    }

    private static IEnumerable<int> Classes(IReadOnlyList<LabelPlane> planes, int pixel)
    {
        foreach (LabelPlane plane in planes)
        {
            if (plane.TryGetClass(plane.Values.Span[pixel], out int index))
            {
                yield return index;
            }
        }
    }
}
