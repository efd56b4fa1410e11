using InferenceServer.Kernels;
using InferenceServer.Runtime.Inspection;

namespace InferenceServer.Runtime.Tests.Inspection;

public sealed class SizeTrialsTests
{
    [Theory]
    [InlineData(1, 0)]
    [InlineData(2, 0)]
    [InlineData(8, 0)]
    [InlineData(8, 1)]
    [InlineData(16, 1)]
    [InlineData(32, 0)]
    public void TryRules_SidesOfOneRule_FindThatRuleFirst(int multiple, int offset)
    {
        SizeTrials trials = Trials(size => size.Width % multiple == offset % multiple && size.Height % multiple == offset % multiple);

        SizeRule rule = trials.TryRules().First(r => r.Works);

        Assert.Equal((multiple, offset), (rule.Multiple, rule.Offset));
    }

    [Fact]
    public void TryRules_OnlySquares_FindNone() =>
        Assert.DoesNotContain(Trials(size => size.Width == size.Height).TryRules(), rule => rule.Works);

    [Theory]
    [InlineData(473)]
    [InlineData(512)]
    public void FindFixed_OneSquare_FindsIt(int side) =>
        Assert.Equal(new ImageSize(side, side), Trials(size => size == new ImageSize(side, side)).FindFixed());

    [Fact]
    public void FindFixed_NoUsualSquare_IsNull() => Assert.Null(Trials(_ => false).FindFixed());

    [Fact]
    public void FindSmallest_DeepNetwork_SkipsSizesThatVanish()
    {
        SizeTrials trials = Trials(size => size.Width >= 30 && size.Width % 8 == 1);

        Assert.Equal(new ImageSize(33, 33), trials.FindSmallest(new SizeRule(8, 1, [], Works: true)));
    }

    private static SizeTrials Trials(Func<ImageSize, bool> takes) => new(new PickySession(takes), CancellationToken.None);
}
