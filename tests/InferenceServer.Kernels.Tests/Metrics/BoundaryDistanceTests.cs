using InferenceServer.Kernels.Metrics;

namespace InferenceServer.Kernels.Tests.Metrics;

public class BoundaryDistanceTests
{
    private const byte Void = 255;

    public static TheoryData<int, int> Sizes
    {
        get
        {
            TheoryData<int, int> sizes = new() { { 1, 1 }, { 1, 40 }, { 40, 1 }, { 3, 100 } };
            for (int width = 1; width <= 70; width++)
            {
                sizes.Add(width, 1 + (width * 7 % 13));
            }

            return sizes;
        }
    }

    [Theory, MemberData(nameof(Sizes))]
    public void Compute_AnySize_MatchesTheDefinition(int width, int height)
    {
        ImageSize size = new(width, height);
        Random random = new(width);
        foreach ((int classes, byte ignore, int maxDistance) in ((int, byte, int)[])[(2, Void, 20), (11, Void, 3), (256, 0, 5), (3, 1, 0)])
        {
            byte[] labels = Blobs(random, size, classes, ignore);
            byte[] expected = new byte[size.Pixels], actual = new byte[size.Pixels];

            BoundaryDistance.Scalar(labels, size, classes, ignore, maxDistance, expected);
            BoundaryDistance.Compute(labels, size, classes, ignore, maxDistance, actual);

            Assert.Equal(expected, actual);
        }
    }

    [Fact]
    public void Compute_TwoClassesAndAStripOfVoid_CountsSquares()
    {
        byte[] labels =
        [
            0, 0, 0, 0, 0, 0,
            0, 0, 0, 0, 0, 0,
            0, 0, 0, 1, 0, 0,
            0, 0, 0, 0, 0, 0,
            9, 9, 9, 9, 9, 9,
            2, 2, 2, 2, 2, 2,
        ];
        byte[] distances = new byte[36];

        BoundaryDistance.Compute(labels, new ImageSize(6, 6), classes: 3, Void, maxDistance: 2, distances);

        byte far = BoundaryDistance.Far;
        Assert.Equal(
        [
            far, 2, 2, 2, 2, 2,
            far, 2, 1, 1, 1, 2,
            far, 2, 1, 1, 1, 2,
            2, 2, 1, 1, 1, 2,
            0, 0, 0, 0, 0, 0,
            2, 2, 2, 2, 2, 2,
        ], distances);
    }

    [Fact]
    public void Compute_OneClass_IsFarEverywhere()
    {
        byte[] distances = new byte[12];

        BoundaryDistance.Compute(new byte[12], new ImageSize(4, 3), classes: 2, Void, maxDistance: 254, distances);

        Assert.All(distances, d => Assert.Equal(BoundaryDistance.Far, d));
    }

    [Fact]
    public void Compute_WrongArguments_AreRefused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => Compute(labels: 11, maxDistance: 5, distances: 12));
        Assert.Throws<ArgumentOutOfRangeException>(() => Compute(labels: 12, maxDistance: 5, distances: 13));
        Assert.Throws<ArgumentOutOfRangeException>(() => Compute(labels: 12, maxDistance: 255, distances: 12));

        static void Compute(int labels, int maxDistance, int distances) =>
            BoundaryDistance.Compute(new byte[labels], new ImageSize(4, 3), 2, Void, maxDistance, new byte[distances]);
    }

    /// <summary>
    /// Random labels: mostly one class, so that large distances occur, with some pixels of other classes, of void and
    /// without a class.
    /// </summary>
    private static byte[] Blobs(Random random, ImageSize size, int classes, byte ignore)
    {
        byte[] labels = new byte[size.Pixels];
        Array.Fill(labels, (byte)(classes - 1));
        for (int i = 0; i < labels.Length; i++)
        {
            labels[i] = random.Next(30) switch
            {
                0 => (byte)random.Next(classes),
                1 => ignore,
                2 => (byte)random.Next(256),
                _ => labels[i],
            };
        }

        return labels;
    }
}
