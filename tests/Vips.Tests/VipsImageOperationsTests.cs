using System.Buffers;
using Vips.Interop;

namespace Vips.Tests;

public sealed class VipsImageOperationsTests
{
    [Theory, InlineData(1), InlineData(2), InlineData(3), InlineData(4), InlineData(5), InlineData(6), InlineData(7), InlineData(8)]
    public void AutoRotate_EachOrientation_TurnsUpright(int orientation)
    {
        byte[] pixels = Decode.ToRgb(Assets.Read($"orientation-{orientation}.jpg"), out int width, out int height);

        Assert.Equal((Assets.Width, Assets.Height), (width, height));
        PixelAssert.Close(Assets.Picture, pixels, tolerance: 3);
    }

    [Fact]
    public void AutoRotate_Turned_ForgetsTheOrientation()
    {
        using VipsImage opened = VipsImage.OpenEncoded(Assets.Read("orientation-6.jpg"));
        using VipsImage upright = opened.AutoRotate();

        Assert.Equal(1, upright.Orientation);
    }

    [Theory]
    [InlineData("rgb.png", 0)]
    [InlineData("rgb16.png", 0)]
    [InlineData("palette.png", 0)]
    [InlineData("animated.gif", 0)]
    [InlineData("animated.webp", 0)]
    [InlineData("two-pages.tif", 0)]
    [InlineData("broken-profile.png", 0)]
    [InlineData("progressive.jpg", 3)]
    [InlineData("srgb-profile.jpg", 3)]
    [InlineData("swapped-profile.jpg", 3)]
    public void WholeRoad_ColourPicture_GivesItsPixels(string name, double tolerance)
    {
        byte[] pixels = Decode.ToRgb(Assets.Read(name), out _, out _);

        PixelAssert.Close(Assets.Picture, pixels, tolerance);
    }

    [Fact]
    public void ToSrgb_CmykWithoutProfile_KeepsTheHues()
    {
        byte[] pixels = Decode.ToRgb(Assets.Read("cmyk.jpg"), out _, out _);

        // Pillow's naive CMYK seen through a press profile is paler, so only the order of the bands is certain.
        int red = ((8 * Assets.Width) + 16) * 3;
        int blue = ((22 * Assets.Width) + 30) * 3;
        Assert.True(pixels[red] > pixels[red + 1] + 60 && pixels[red] > pixels[red + 2] + 60);
        Assert.True(pixels[blue + 2] > pixels[blue] + 40 && pixels[blue + 2] > pixels[blue + 1] + 40);
        Assert.All(pixels[..3], white => Assert.InRange(white, 250, 255));
    }

    [Theory, InlineData("grey.jpg", 2), InlineData("grey16.png", 0.5)]
    public void ToRgb8_SingleBand_RepeatsIt(string name, double tolerance)
    {
        byte[] expected = [.. Assets.GreyPicture().SelectMany(value => new[] { value, value, value })];

        PixelAssert.Close(expected, Decode.ToRgb(Assets.Read(name), out _, out _), tolerance);

        using VipsImage opened = VipsImage.OpenEncoded(Assets.Read(name));
        using VipsImage rgb = opened.ToRgb8();   // without ToSrgb
        Assert.Equal((3, VipsBandFormat.Byte), (rgb.Bands, rgb.Format));
        PixelAssert.Close(expected, Decode.Pixels(rgb), tolerance);
    }

    [Fact]
    public void ToRgb8_OneBit_IsBlackAndWhite()
    {
        byte[] expected = [.. Assets.GreyPicture().SelectMany(value => Enumerable.Repeat(value >= 128 ? (byte)255 : (byte)0, 3))];

        Assert.Equal(expected, Decode.ToRgb(Assets.Read("one-bit.png"), out _, out _));
    }

    [Fact]
    public void ToRgb8_Alpha_DropsIt()
    {
        using VipsImage opened = VipsImage.OpenEncoded(Assets.Read("rgba.png"));
        using VipsImage rgb = opened.ToRgb8();

        Assert.Equal(Assets.Picture, Decode.Pixels(rgb));
    }

    [Theory, InlineData("rgba.png"), InlineData("grey-alpha.png")]
    public void FlattenAlpha_OnColour_BlendsLinearly(string name)
    {
        byte[] background = [250, 120, 10];
        byte[] grey = Assets.GreyPicture();
        byte[] expected = new byte[Assets.Picture.Length];
        for (int i = 0; i < expected.Length; i++)
        {
            int alpha = (int)(i / 3 % Assets.Width * 255.0 / (Assets.Width - 1));
            int value = name == "rgba.png" ? Assets.Picture[i] : grey[i / 3];
            expected[i] = (byte)(((value * alpha) + (background[i % 3] * (255 - alpha))) / 255);
        }
        using VipsImage opened = VipsImage.OpenEncoded(Assets.Read(name));
        using VipsImage flat = opened.FlattenAlpha(background[0], background[1], background[2]);

        Assert.False(flat.HasAlpha);
        PixelAssert.Close(expected, Decode.Pixels(flat), tolerance: 0.6);
    }

    [Fact]
    public void WholeRoad_Avif_GivesItsPixels()
    {
        const int Av1 = 4;   // VipsForeignHeifCompression
        ArrayBufferWriter<byte> file = new();
        using (VipsImage picture = VipsImage.FromPixels(Assets.Picture, Assets.Width, Assets.Height, 3))
        using (VipsOperation save = new("heifsave_buffer"))
        {
            save.Set("in", picture).Set("compression", Av1).Set("lossless", true).ToBuffer(file);
        }

        PixelAssert.Close(Assets.Picture, Decode.ToRgb(file.WrittenMemory, out _, out _), tolerance: 2);
    }
}
