using System.Numerics;
using InferenceServer.Kernels.Coloring;

namespace InferenceServer.Kernels.Tests.Coloring;

public sealed class OverlayBlenderTests
{
    public static TheoryData<int> PixelCounts => [.. Enumerable.Range(0, Vector<byte>.Count + 2), 1023, 1024, 1025, 3000];

    [Theory, MemberData(nameof(PixelCounts))]
    public void Blend_AnyPixelCount_MatchesScalarAndDouble(int pixels)
    {
        byte[] labels = new byte[pixels], rgb = new byte[pixels * 3], colours = new byte[pixels * 3];
        byte[] expected = new byte[pixels * 3], actual = new byte[pixels * 3];
        new Random(pixels).NextBytes(labels);
        new Random(pixels + 1).NextBytes(rgb);
        ColorMap.Apply(labels, Palette.Voc(256), colours);
        foreach (float alpha in new[] { 0, .25f, .5f, .6f, 1 })
        {
            OverlayBlender.Scalar(rgb, colours, (int)MathF.Round(alpha * 256), expected, 0);
            OverlayBlender.Blend(rgb, labels, Palette.Voc(256), alpha, actual);

            Assert.Equal(expected, actual);
            for (int i = 0; i < actual.Length; i++)
            {
                Assert.Equal((rgb[i] * (1 - alpha)) + (colours[i] * alpha), actual[i], 1.0);
            }
        }
    }

    [Fact]
    public void Blend_AlphaZeroAndOne_AreExact()
    {
        byte[] rgb = new byte[300], labels = new byte[100], colours = new byte[300], output = new byte[300];
        new Random(1).NextBytes(rgb);
        new Random(2).NextBytes(labels);
        ColorMap.Apply(labels, Palette.Voc(256), colours);

        OverlayBlender.Blend(rgb, labels, Palette.Voc(256), 0, output);
        Assert.Equal(rgb, output);
        OverlayBlender.Blend(rgb, labels, Palette.Voc(256), 1, output);
        Assert.Equal(colours, output);
    }

    [Fact]
    public void Blend_InPlace_GivesTheSameBytes()
    {
        byte[] rgb = new byte[9000], labels = new byte[3000], output = new byte[9000];
        new Random(1).NextBytes(rgb);
        OverlayBlender.Blend(rgb, labels, Palette.Voc(256), .5f, output);
        OverlayBlender.Blend(rgb, labels, Palette.Voc(256), .5f, rgb);
        Assert.Equal(output, rgb);
    }

    [Theory]
    [InlineData(-.1f)]
    [InlineData(1.1f)]
    [InlineData(float.NaN)]
    public void Blend_AlphaOutOfRange_Throws(float alpha) => Assert.Throws<ArgumentOutOfRangeException>(
        () => OverlayBlender.Blend(new byte[3], new byte[1], Palette.Voc(1), alpha, new byte[3]));
}
