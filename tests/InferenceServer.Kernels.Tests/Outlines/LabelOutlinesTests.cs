using InferenceServer.Kernels.Metrics;
using InferenceServer.Kernels.Outlines;

namespace InferenceServer.Kernels.Tests.Outlines;

public sealed class LabelOutlinesTests
{
    private static readonly double[] Tolerances = [0, 0.75, 1.5, 4, 100];

    [Fact]
    public void Compute_OnePixel_IsASquare()
    {
        LabelPolygon only = Assert.Single(LabelOutlines.Compute([7], new ImageSize(1, 1))!);

        Assert.Equal(7, only.Label);
        Assert.Equal([new(0, 0), new(1, 0), new(1, 1), new(0, 1)], Assert.Single(only.Rings));
    }

    [Fact]
    public void Compute_PixelsThatMeetAtACorner_AreTwoParts()
    {
        IReadOnlyList<LabelPolygon> parts = LabelOutlines.Compute([1, 0, 0, 1], new ImageSize(2, 2))!;

        Assert.Equal([0, 0, 1, 1], parts.Select(p => (int)p.Label));
        Assert.All(parts, p => Assert.Equal(4, Assert.Single(p.Rings).Length));
    }

    [Fact]
    public void Compute_RingThatClosesAtACorner_HasAHoleThatTouchesIt()
    {
        byte[] labels =
        [
            1, 1, 1,
            1, 0, 1,
            1, 1, 0,
        ];

        LabelPolygon ring = LabelOutlines.Compute(labels, new ImageSize(3, 3))!.Single(p => p.Label == 1);

        Assert.Equal(2, ring.Rings.Count);
        Assert.Contains(new GridPoint(2, 2), ring.Rings[0]);
        Assert.Contains(new GridPoint(2, 2), ring.Rings[1]);
        Assert.Equal(4, ring.Rings[1].Length);
    }

    [Theory]
    [MemberData(nameof(RandomMaps.Cases), MemberType = typeof(RandomMaps))]
    public void Compute_ToleranceZero_FilledAgainIsTheMap(int width, int height, int seed)
    {
        byte[] labels = RandomMaps.Create(width, height, seed);

        IReadOnlyList<LabelPolygon> parts = LabelOutlines.Compute(labels, new ImageSize(width, height))!;

        Assert.Equal(labels, PolygonAssert.Fill(parts, width, height));
    }

    [Theory]
    [MemberData(nameof(RandomMaps.Cases), MemberType = typeof(RandomMaps))]
    public void Means_RandomMap_AreThoseOfThePolygonsInTheirOrder(int width, int height, int seed)
    {
        byte[] labels = RandomMaps.Create(width, height, seed);
        float[] values = [.. labels.Select((label, i) => ((i * 7919) % 256) + label)];
        byte[] bytes = [.. labels.Select((_, i) => (byte)(i * 7919))];
        ImageSize size = new(width, height);

        IReadOnlyList<(byte Label, double Mean)> means = LabelOutlines.Means<float>(labels, size, values);
        IReadOnlyList<(byte Label, double Mean)> byteMeans = LabelOutlines.Means<byte>(labels, size, bytes);

        LabelPolygon[] parts = [.. LabelOutlines.Compute(labels, size)!];
        Assert.Equal(parts.Select(part => part.Label), means.Select(mean => mean.Label));
        for (int i = 0; i < parts.Length; i++)
        {
            LabelRegion box = PolygonFill.Box(parts[i]);
            byte[] mask = PolygonFill.Fill(parts[i], box);
            int[] pixels =
            [
                .. Enumerable.Range(0, mask.Length).Where(at => mask[at] != 0)
                    .Select(at => ((box.Top + (at / box.Width)) * width) + box.Left + (at % box.Width)),
            ];
            Assert.Equal(pixels.Average(at => (double)values[at]), means[i].Mean, 1e-9);
            Assert.Equal(pixels.Average(at => (double)bytes[at]), byteMeans[i].Mean, 1e-9);
        }
    }

    [Fact]
    public void Means_LengthsThatDoNotFit_AreRefused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => LabelOutlines.Means<byte>([1, 2], new ImageSize(3, 1), [1, 2, 3]));
        Assert.Throws<ArgumentOutOfRangeException>(() => LabelOutlines.Means<byte>([1, 2], new ImageSize(2, 1), [1, 2, 3]));
    }

    [Theory]
    [MemberData(nameof(RandomMaps.Cases), MemberType = typeof(RandomMaps))]
    public void Fill_ToleranceZero_IsTheMap(int width, int height, int seed)
    {
        byte[] labels = RandomMaps.Create(width, height, seed), filled = new byte[labels.Length];

        foreach (LabelPolygon part in LabelOutlines.Compute(labels, new ImageSize(width, height))!)
        {
            LabelRegion box = PolygonFill.Box(part);
            byte[] mask = PolygonFill.Fill(part, box);
            for (int i = 0; i < mask.Length; i++)
            {
                filled[((box.Top + (i / box.Width)) * width) + box.Left + (i % box.Width)] |= (byte)(mask[i] & part.Label);
            }
        }

        Assert.Equal(labels, filled);
    }

    [Theory]
    [MemberData(nameof(RandomMaps.Cases), MemberType = typeof(RandomMaps))]
    public void Compute_AnyTolerance_IsValid(int width, int height, int seed)
    {
        byte[] labels = RandomMaps.Create(width, height, seed);

        ImageSize size = new(width, height);
        Assert.All(Tolerances, tolerance => PolygonAssert.AreValid(LabelOutlines.Compute(labels, size, tolerance)!, width * height));
    }

    [Theory]
    [MemberData(nameof(RandomMaps.Cases), MemberType = typeof(RandomMaps))]
    public void Compute_AnyTolerance_KeepsThePartsAndTheirHoles(int width, int height, int seed)
    {
        byte[] labels = RandomMaps.Create(width, height, seed);
        (byte, int)[] exact = [.. LabelOutlines.Compute(labels, new ImageSize(width, height))!.Select(p => (p.Label, p.Rings.Count))];

        Assert.All(Tolerances, tolerance => Assert.Equal(
            exact, LabelOutlines.Compute(labels, new ImageSize(width, height), tolerance)!.Select(p => (p.Label, p.Rings.Count))));
    }

    [Theory]
    [InlineData(0.75)]
    [InlineData(2)]
    public void Compute_Tolerance_MovesNoCornerFartherAndLeavesFewer(double tolerance)
    {
        byte[] labels = RandomMaps.Create(80, 60, seed: 7);
        ImageSize size = new(80, 60);
        IReadOnlyList<LabelPolygon> exact = LabelOutlines.Compute(labels, size)!, simple = LabelOutlines.Compute(labels, size, tolerance)!;

        Assert.InRange(Points(simple), 3, Points(exact) * 3 / 5);
        Assert.All(exact.Zip(simple), pair => Assert.All(
            pair.First.Rings.SelectMany(r => r),
            corner => Assert.InRange(pair.Second.Rings.Min(ring => PolygonAssert.Distance(corner, ring)), 0, tolerance + 1e-9)));
    }

    [Fact]
    public void Compute_MorePointsThanAllowed_IsNull()
    {
        byte[] labels = RandomMaps.Create(20, 20, seed: 8);

        Assert.All(Tolerances, tolerance => Assert.Null(LabelOutlines.Compute(labels, new ImageSize(20, 20), tolerance, maxPoints: 100)));
    }

    private static int Points(IReadOnlyList<LabelPolygon> parts) => parts.Sum(p => p.Rings.Sum(r => r.Length));
}
