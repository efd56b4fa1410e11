using InferenceServer.Kernels.Coloring;

namespace InferenceServer.Kernels.Tests.Coloring;

public sealed class ColorMapTests
{
    public static TheoryData<int> PixelCounts => [.. Enumerable.Range(0, 40)];

    [Theory, MemberData(nameof(PixelCounts))]
    public void Apply_AnyPixelCount_LooksEachLabelUp(int pixels)
    {
        Palette palette = Palette.Voc(100);
        byte[] labels = new byte[pixels], rgb = new byte[pixels * 3];
        new Random(pixels).NextBytes(labels);

        ColorMap.Apply(labels, palette, rgb);

        for (int i = 0; i < pixels; i++)
        {
            (byte, byte, byte) expected = labels[i] < 100 ? palette[labels[i]] : default;
            Assert.Equal(expected, (rgb[i * 3], rgb[(i * 3) + 1], rgb[(i * 3) + 2]));
        }
    }

    [Theory]
    [InlineData(100)] // a table of 256 entries
    [InlineData(1000)]
    public void Apply_WideLabels_LooksEachLabelUp(int colours)
    {
        Palette palette = Palette.Voc(colours);
        ushort[] labels = [0, 99, 100, 255, 256, 999, 1000, ushort.MaxValue, 1];
        byte[] rgb = new byte[labels.Length * 3], blended = new byte[rgb.Length];

        ColorMap.Apply(labels, palette, rgb);
        OverlayBlender.Blend(new byte[rgb.Length], labels, palette, 1, blended);

        Assert.Equal(rgb, blended);
        for (int i = 0; i < labels.Length; i++)
        {
            (byte, byte, byte) expected = labels[i] < colours ? palette[labels[i]] : default;
            Assert.Equal(expected, (rgb[i * 3], rgb[(i * 3) + 1], rgb[(i * 3) + 2]));
        }
    }
}
