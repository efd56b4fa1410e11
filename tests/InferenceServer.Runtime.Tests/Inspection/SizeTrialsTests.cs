using InferenceServer.Kernels;
using InferenceServer.Kernels.Normalization;
using InferenceServer.Kernels.Resizing;
using InferenceServer.Runtime.Inspection;
using InferenceServer.Runtime.Manifests;

namespace InferenceServer.Runtime.Tests.Inspection;

public sealed class SizeTrialsTests
{
    [Theory]
    [InlineData(1, 0)]
    [InlineData(2, 0)]
    [InlineData(8, 0)]
    [InlineData(8, 1)]
    [InlineData(14, 0)]
    [InlineData(16, 1)]
    [InlineData(28, 0)]
    [InlineData(32, 0)]
    [InlineData(48, 0)]
    [InlineData(64, 0)]
    [InlineData(128, 0)]
    public void TryRules_SidesOfOneRule_FindThatRuleFirst(int multiple, int offset)
    {
        SizeTrials trials = Trials(size => size.Width % multiple == offset % multiple
            && size.Height % multiple == offset % multiple);

        SizeRule rule = trials.TryRules(96).First(r => r.Works);

        Assert.Equal((multiple, offset), (rule.Multiple, rule.Offset));
    }

    [Fact]
    public void TryRules_OnlySquares_FindNone() =>
        Assert.DoesNotContain(Trials(size => size.Width == size.Height).TryRules(96), rule => rule.Works);

    [Theory]
    [InlineData(-1, -1, 473, 473)]
    [InlineData(-1, -1, 512, 512)]
    [InlineData(-1, -1, 512, 1024)]
    [InlineData(-1, -1, 360, 480)]
    [InlineData(512, -1, 512, 1024)] // one side is declared
    [InlineData(-1, 640, 480, 640)]
    public void FindFixed_OneUsualSize_FindsIt(int height, int width, int onlyHeight, int onlyWidth)
    {
        ImageSize only = new(onlyWidth, onlyHeight);

        Assert.Equal(only, Trials(size => size == only).FindFixed(SizeTrials.Usual(height, width)));
    }

    [Fact]
    public void FindFixed_NoUsualSize_IsNull() => Assert.Null(Trials(_ => false).FindFixed(SizeTrials.Usual(-1, -1)));

    [Theory]
    [InlineData(8, 1, 30, 33)]
    [InlineData(1, 0, 160, 160)]
    [InlineData(1, 0, 75, 75)]
    [InlineData(14, 0, 100, 112)]
    [InlineData(32, 0, 1, 32)]
    public void FindSmallest_LeastSide_IsTheSmallestLegalOne(int multiple, int offset, int least, int smallest)
    {
        SizeTrials trials = Trials(size => size.Width >= least && size.Width % multiple == offset);

        Assert.Equal(smallest, trials.FindSmallest(multiple, offset, known: (224 / multiple * multiple) + offset));
    }

    private static SizeTrials Trials(Func<ImageSize, bool> takes)
    {
        PreprocessManifest values = new()
        {
            Color = ChannelOrder.Rgb,
            Scale = 1,
            Mean = [0, 0, 0],
            Std = [1, 1, 1],
            Resize = new ResizeManifest { Mode = ResizeMode.None, Filter = ResizeFilter.Bilinear, Antialias = true },
            Size = new SizeManifest { Multiple = 1 },
            Pad = new PadManifest(),
        };
        return new SizeTrials(new PickySession(takes), values, CancellationToken.None);
    }
}
