using InferenceServer.Kernels.Resizing;

namespace InferenceServer.Kernels.Tests.Resizing;

public sealed class OpenCvVerticalTests
{
    public static TheoryData<int> Lengths => [.. Enumerable.Range(1, 140)];

    [Theory, MemberData(nameof(Lengths))]
    public void Run_AnyLength_MatchesScalar(int length)
    {
        Random random = new(length);
        int[] window = [.. Enumerable.Range(0, 4 * length).Select(_ => random.Next(-200_000, 722_240))];
        int[] two = [700, 1348], four = [-150, 1200, 1148, -150];
        byte[] expected = new byte[length], actual = new byte[length];

        OpenCvVertical.LinearScalar(window.AsSpan(0, length), window.AsSpan(length, length), two, expected, 0);
        OpenCvVertical.Run(window, length, [0, 1], two, actual);
        Assert.Equal(expected, actual);

        OpenCvVertical.CubicScalar(
            window.AsSpan(0, length), window.AsSpan(length, length), window.AsSpan(2 * length, length),
            window.AsSpan(3 * length, length), four, expected, 0);
        OpenCvVertical.Run(window, length, [0, 1, 2, 3], four, actual);
        Assert.Equal(expected, actual);
    }
}
