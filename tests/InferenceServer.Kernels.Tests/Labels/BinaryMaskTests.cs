using System.Numerics;
using InferenceServer.Kernels.Labels;

namespace InferenceServer.Kernels.Tests.Labels;

public sealed class BinaryMaskTests
{
    public static TheoryData<int> Lengths => [.. Enumerable.Range(0, (4 * Vector<byte>.Count) + 2)];

    [Theory]
    [MemberData(nameof(Lengths))]
    public void Select_AnyLength_MatchesScalar(int length)
    {
        Random random = new(length);
        byte[] labels = [.. Enumerable.Range(0, length).Select(_ => (byte)(255 * random.Next(2)))];
        byte[] expected = new byte[length], actual = new byte[length];

        BinaryMask.Scalar(labels, 255, expected, start: 0);
        BinaryMask.Select(labels, 255, actual);

        Assert.Equal(expected, actual);
        Assert.Equal(labels, actual);
    }
}
