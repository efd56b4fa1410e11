using InferenceServer.Runtime.Sessions;

namespace InferenceServer.Runtime.Tests.Sessions;

public sealed class UsualSizeTests
{
    private const long Usual = 480 * 360;

    [Fact]
    public void IsRare_WarmUpFromSmallToUsual_Never()
    {
        UsualSize size = new();
        Assert.All(Enumerable.Range(0, 16), i => Assert.False(size.IsRare(i < 8 ? 64 : Usual)));
        Assert.False(size.IsRare(Usual));
    }

    [Theory]
    [InlineData(3 * Usual, false)]
    [InlineData(4 * Usual, true)]
    [InlineData(100 * Usual, true)]
    public void IsRare_OneLargeAmongUsual_FromFourTimesOn(long pixels, bool expected) => Assert.Equal(expected, Trained().IsRare(pixels));

    [Fact]
    public void IsRare_LargeOnesThatKeepComing_BecomeUsual()
    {
        UsualSize size = Trained();
        int rare = Enumerable.Range(0, 100).Count(_ => size.IsRare(20 * Usual));
        Assert.InRange(rare, 1, 30);
        Assert.False(size.IsRare(20 * Usual));
    }

    private static UsualSize Trained()
    {
        UsualSize size = new();
        for (int i = 0; i < 32; i++)
        {
            size.IsRare(Usual);
        }

        return size;
    }
}
