using InferenceServer.Kernels;
using InferenceServer.Runtime.Decoding;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Tests.Decoding;

public class ImageDecoderTests
{
    private static readonly ImageDecoder Decoder = new(Options.Create(new DecodingOptions()));

    [Fact]
    public void Decode_AllOrientations_GivesTheSameUprightPicture()
    {
        using RgbImage upright = Decoder.Decode(Assets.Image("orientation-1.jpg"), CancellationToken.None);
        for (int orientation = 2; orientation <= 8; orientation++)
        {
            using RgbImage image = Decoder.Decode(Assets.Image($"orientation-{orientation}.jpg"), CancellationToken.None);
            Assert.Equal(upright.Size, image.Size);
            double difference = 0;
            for (int i = 0; i < image.Pixels.Length; i++)
            {
                difference += Math.Abs(image.Pixels.Span[i] - upright.Pixels.Span[i]);
            }

            Assert.InRange(difference / image.Pixels.Length, 0, 4); // JPEG's loss lies differently in a turned picture
        }
    }

    [Fact]
    public void Decode_HeaderOfAHugePicture_IsRefusedBeforeItsPixels()
    {
        SegmentationException e = Assert.Throws<SegmentationException>(() => Decoder.Decode(Assets.Image("huge.png"), CancellationToken.None));
        Assert.Equal(SegmentationError.TooManyPixels, e.Error);
        Assert.Contains("60000×60000", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", SegmentationError.UndecodableImage)]
    [InlineData("hello, this is no image", SegmentationError.UnsupportedMediaType)]
    [InlineData("<svg xmlns='http://www.w3.org/2000/svg'/>", SegmentationError.UnsupportedMediaType)]
    [InlineData("1 2 3\n4 5 6\n", SegmentationError.UnsupportedMediaType)]
    [InlineData("\0\0\0\x18ftypheic\0\0\0\0mif1heic", SegmentationError.UnsupportedMediaType)]
    public void Decode_NoImage_SaysWhatItIsNot(string body, SegmentationError error) =>
        Assert.Equal(error, Assert.Throws<SegmentationException>(() => Decoder.Decode(System.Text.Encoding.UTF8.GetBytes(body), CancellationToken.None)).Error);

    [Fact]
    public void Decode_MoreBytesThanAllowed_IsRefused()
    {
        ImageDecoder strict = new(Options.Create(new DecodingOptions { MaxBytes = 100 }));
        Assert.Equal(SegmentationError.PayloadTooLarge, Assert.Throws<SegmentationException>(() => strict.Decode(new byte[101], CancellationToken.None)).Error);
    }

    [Fact]
    public void Decode_PixelLimit_IsInclusive()
    {
        byte[] image = Assets.Image("rgb.png");
        using RgbImage decoded = Decoder.Decode(image, CancellationToken.None);
        ImageSize size = decoded.Size;
        using RgbImage exact = new ImageDecoder(Options.Create(new DecodingOptions { MaxPixels = size.Pixels })).Decode(image, CancellationToken.None);
        Assert.Equal(size, exact.Size);
        Assert.Throws<SegmentationException>(() => new ImageDecoder(Options.Create(new DecodingOptions { MaxPixels = size.Pixels - 1 })).Decode(image, CancellationToken.None));
    }

    [Fact]
    public void Decode_Cancelled_Stops() =>
        Assert.ThrowsAny<OperationCanceledException>(() => Decoder.Decode(Assets.Image("rgb.png"), new CancellationToken(canceled: true)));
}
