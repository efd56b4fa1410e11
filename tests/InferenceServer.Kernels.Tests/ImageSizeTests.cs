namespace InferenceServer.Kernels.Tests;

public sealed class ImageSizeTests
{
    [Fact]
    public void ToString_AnySize_IsWidthTimesHeight() => Assert.Equal("480×360", new ImageSize(480, 360).ToString());

    [Fact]
    public void Pixels_HugeSize_DoesNotOverflow() => Assert.Equal(10_000_000_000, new ImageSize(100_000, 100_000).Pixels);
}
