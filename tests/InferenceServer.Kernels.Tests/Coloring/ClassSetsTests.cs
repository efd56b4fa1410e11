using InferenceServer.Kernels.Coloring;

namespace InferenceServer.Kernels.Tests.Coloring;

public sealed class ClassSetsTests
{
    [Theory]
    [InlineData("voc", 21, 15, "person", 0xC08080)]
    [InlineData("cityscapes", 19, 13, "car", 0x00008E)]
    [InlineData("CamVid", 11, 4, "pavement", 0x3C28DE)]
    [InlineData("ade20k", 150, 149, "flag", 0x5C00FF)]
    public void TryGet_KnownSet_HasItsNamesAndColours(string name, int count, int label, string expected, int colour)
    {
        Assert.True(ClassSets.TryGet(name, out ClassSet? set));
        Assert.Equal(count, set.Names.Count);
        Assert.Equal(expected, set.Names[label]);
        (byte red, byte green, byte blue) = set.Palette[label];
        Assert.Equal(colour, (red << 16) | (green << 8) | blue);
        Assert.Equal(count, set.Names.Distinct().Count());
        Assert.True(set.Palette.Count >= count);
    }

    [Fact]
    public void TryGet_UnknownSet_IsFalse() => Assert.False(ClassSets.TryGet("imagenet", out _));

    [Fact]
    public void Cityscapes_SubmitIds_AreLabelIds()
    {
        Assert.Equal([7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33], ClassSets.Cityscapes.SubmitIds);
    }

    [Fact]
    public void Ade20K_Palette_Has149DistinctColours()
    {
        Palette palette = ClassSets.Ade20K.Palette;
        Assert.Equal(150, palette.Count);
        Assert.Equal(149, Enumerable.Range(0, 150).Select(label => palette[label]).Distinct().Count());
        Assert.Equal(palette[6], palette[48]);
    }
}
