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
}
