using System.Buffers;

namespace Vips.Tests;

public sealed class VipsImageEncodeTests
{
    [Theory, InlineData(0), InlineData(1), InlineData(9)]
    public void EncodePng_Rgb_IsLossless(int compression)
    {
        ArrayBufferWriter<byte> file = new();
        using VipsImage image = VipsImage.FromPixels(Assets.Picture, Assets.Width, Assets.Height, 3);
        image.EncodePng(file, compression);

        using VipsImage back = VipsImage.OpenEncoded(file.WrittenMemory);
        Assert.Equal(Assets.Picture, Decode.Pixels(back));
    }

    [Fact]
    public void EncodePng_Labels_StaySingleBand()
    {
        byte[] labels = [0, 1, 20, 255, 7, 3];
        ArrayBufferWriter<byte> file = new();
        using VipsImage image = VipsImage.FromPixels(labels, 3, 2, 1);
        image.EncodePng(file, 6);

        using VipsImage back = VipsImage.OpenEncoded(file.WrittenMemory);
        Assert.Equal((1, VipsInterpretation.Grey), (back.Bands, back.Interpretation));
        Assert.Equal(labels, Decode.Pixels(back));
    }

    [Fact]
    public void EncodeJpeg_Rgb_IsClose()
    {
        ArrayBufferWriter<byte> file = new();
        using VipsImage image = VipsImage.FromPixels(Assets.Picture, Assets.Width, Assets.Height, 3);
        image.EncodeJpeg(file, 95);

        PixelAssert.Close(Assets.Picture, Decode.ToRgb(file.WrittenMemory, out _, out _), tolerance: 3);
    }

    [Fact]
    public void EncodeJpeg_OfPhotograph_DropsItsMetadata()
    {
        ArrayBufferWriter<byte> file = new();
        using (VipsImage photograph = VipsImage.OpenEncoded(Assets.Read("srgb-profile.jpg")))
        {
            photograph.EncodeJpeg(file, 90);
        }

        using VipsImage back = VipsImage.OpenEncoded(file.WrittenMemory);
        Assert.False(back.HasColorProfile);
    }

    [Fact]
    public void Encode_OutOfRange_Throws()
    {
        ArrayBufferWriter<byte> file = new();
        using VipsImage image = VipsImage.FromPixels(new byte[3], 1, 1, 3);

        Assert.Throws<ArgumentOutOfRangeException>(() => image.EncodeJpeg(file, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => image.EncodeJpeg(file, 101));
        Assert.Throws<ArgumentOutOfRangeException>(() => image.EncodePng(file, 10));
    }
}
