using InferenceServer.Kernels.Coloring;

namespace InferenceServer.Kernels.Tests.Coloring;

public sealed class PaletteTests
{
    [Theory]
    [InlineData(0, 0x000000)]
    [InlineData(1, 0x800000)]
    [InlineData(2, 0x008000)]
    [InlineData(15, 0xC08080)]
    [InlineData(21, 0x804080)]
    [InlineData(255, 0xE0E0C0)]
    public void Voc_AnyLabel_FollowsTheBitRule(int label, int expected)
    {
        (byte red, byte green, byte blue) = Palette.Voc(256)[label];
        Assert.Equal(expected, (red << 16) | (green << 8) | blue);
    }

    [Fact]
    public void FromHex_AnySeparators_ReadsTheColours()
    {
        Palette palette = Palette.FromHex("#010203, 0A0b0C\n FFFFFF");
        Assert.Equal(3, palette.Count);
        Assert.Equal((10, 11, 12), palette[1]);
        Assert.Equal([1, 2, 3, 10, 11, 12, 255, 255, 255], palette.Rgb.ToArray());
    }

    [Theory]
    [InlineData("")]
    [InlineData("0102")]
    [InlineData("01020304")]
    public void FromHex_NoColours_Throws(string hex) => Assert.Throws<ArgumentException>(() => Palette.FromHex(hex));

    [Theory]
    [InlineData(0)]
    [InlineData(65537)]
    public void Voc_ImpossibleCount_Throws(int count) => Assert.Throws<ArgumentOutOfRangeException>(() => Palette.Voc(count));

    [Fact]
    public void Indexer_PastTheEnd_Throws() => Assert.Throws<ArgumentOutOfRangeException>(() => Palette.Voc(3)[3]);
}
