using System.Runtime.Intrinsics;
using InferenceServer.Kernels.Fusion;

namespace InferenceServer.Kernels.Tests.Fusion;

public sealed class MirroredRowsTests
{
    public static TheoryData<int> Widths => [.. Enumerable.Range(1, (5 * Vector256<float>.Count) + 1)];

    [Theory, MemberData(nameof(Widths))]
    public void Apply_AnyWidth_TurnsEveryRowRound(int width)
    {
        float[] values = [.. Enumerable.Range(0, 3 * width).Select(i => (float)i)];
        MirroredRows.Apply(values, width);
        Assert.Equal(Enumerable.Range(0, 3 * width).Select(i => (float)((i / width * width) + width - 1 - (i % width))), values);
    }

    [Fact]
    public void Apply_LengthThatIsNoMultiple_Throws() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => MirroredRows.Apply(new float[7], 3));
}
