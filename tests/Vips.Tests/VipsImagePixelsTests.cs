namespace Vips.Tests;

public sealed class VipsImagePixelsTests
{
    [Theory, InlineData("progressive.jpg"), InlineData("orientation-1.jpg"), InlineData("orientation-6.jpg"), InlineData("rgb.png"), InlineData("rgb16.png")]
    public void CopyPixelsTo_Truncated_Throws(string name)
    {
        byte[] file = Assets.Read(name);

        Assert.Throws<VipsException>(() => Decode.ToRgb(file.AsMemory(0, file.Length * 4 / 5), out _, out _));
    }

    [Fact]
    public void CopyPixelsTo_HugePngWithoutItsPixels_Throws()
    {
        using VipsImage image = VipsImage.OpenEncoded(Assets.Read("huge.png"));

        Assert.Throws<ArgumentOutOfRangeException>(() => image.CopyPixelsTo(new byte[100]));
    }

    [Fact]
    public void CopyPixelsTo_SixteenBits_Throws()
    {
        using VipsImage image = VipsImage.OpenEncoded(Assets.Read("rgb16.png"));

        Assert.Throws<InvalidOperationException>(() => image.CopyPixelsTo(new byte[Assets.Width * Assets.Height * 3]));
    }

    [Theory, InlineData(1, 1, 1), InlineData(1, 63, 3), InlineData(5, 64, 3), InlineData(5, 65, 1), InlineData(700, 300, 3)]
    public void CopyPixelsTo_AnySize_WritesEveryStrip(int width, int height, int bands)
    {
        byte[] pixels = new byte[width * height * bands];
        new Random(width).NextBytes(pixels);
        using VipsImage image = VipsImage.FromPixels(pixels, width, height, bands);

        Assert.Equal(pixels, Decode.Pixels(image));
    }

    [Fact]
    public void CopyPixelsTo_Cancelled_Throws()
    {
        using VipsImage image = VipsImage.FromPixels(new byte[3], 1, 1, 3);

        Assert.Throws<OperationCanceledException>(() => image.CopyPixelsTo(new byte[3], new CancellationToken(canceled: true)));
    }

    [Fact]
    public void CopyPixelsTo_ManyThreads_EachGetsItsOwnPicture()
    {
        byte[][] files = [Assets.Read("orientation-6.jpg"), Assets.Read("srgb-profile.jpg"), Assets.Read("rgb16.png")];

        Parallel.For(0, 300, new ParallelOptions { MaxDegreeOfParallelism = 8 },
            i => PixelAssert.Close(Assets.Picture, Decode.ToRgb(files[i % files.Length], out _, out _), tolerance: 3));
    }
}
