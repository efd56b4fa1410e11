using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using InferenceServer.Kernels;
using InferenceServer.Runtime.Decoding;
using Microsoft.Extensions.Options;
using NetVips;

namespace InferenceServer.Runtime.Tests.Decoding;

public class ImageDecoderTests
{
    private static readonly ImageDecoder Decoder = new(Options.Create(new DecodingOptions()));

    /// <summary>A file and how far it may be, on average, from the picture.</summary>
    public static TheoryData<string, double> Pictures => new()
    {
        { "rgb.png", 0 }, { "rgb16.png", 0 }, { "palette.png", 0 }, { "broken-profile.png", 0 },
        { "palette.tif", 0 }, { "palette-4.tif", 0 }, { "lab-16.tif", 2 },
        { "animated.gif", 0 }, { "animated.webp", 0 }, { "two-pages.tif", 0 }, { "sequence.avif", 2 }, { "progressive.jpg", 3 },
        { "srgb-profile.jpg", 3 }, { "swapped-profile.jpg", 3 },
        { "orientation-1.jpg", 3 }, { "orientation-2.jpg", 3 }, { "orientation-3.jpg", 3 }, { "orientation-4.jpg", 3 },
        { "orientation-5.jpg", 3 }, { "orientation-6.jpg", 3 }, { "orientation-7.jpg", 3 }, { "orientation-8.jpg", 3 },
    };

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void StoppableFile_CancelledAfterTheHeader_FailsBeforeTheDecoderHasReadTheFile(bool isPng)
    {
        using Image noise = Image.Gaussnoise(512, 512, sigma: 30).Cast(Enums.BandFormat.Uchar);
        byte[] file = isPng ? noise.PngsaveBuffer(interlace: true) : noise.JpegsaveBuffer(interlace: true);
        ImageFormat format = ImageFormat.Of(file)!;
        using CancellationTokenSource stop = new();
        stop.Cancel();
        using StoppableFile source = new(file);
        Image image = Libvips.Open(format.Loader, source, format.Strictness);
        source.Cancellation = stop.Token;

        Assert.True(DecodingMemory.IsInSeveralPasses(format, file));
        Assert.Throws<VipsException>(() => Libvips.Decode(image, new byte[512 * 512 * 3], CancellationToken.None));
    }

    [Theory, MemberData(nameof(Pictures))]
    public void Decode_EachFormatProfileAndOrientation_GivesThePicture(string name, double tolerance)
    {
        using RgbImage image = Decoder.Decode(Assets.Image(name), CancellationToken.None);

        Assert.Equal(new ImageSize(Picture.Width, Picture.Height), image.Size);
        Picture.AssertClose(Picture.Rgb, image.Pixels.Span, tolerance);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(7)]
    [InlineData(8)]
    public void Turn_ImageOfManyStrips_MovesEachPixel(int orientation)
    {
        const int Columns = 500, Rows = 400;
        byte[] pixels = new byte[Columns * Rows * 3], stored;
        new Random(1).NextBytes(pixels);
        stored = [.. pixels];
        int width = orientation < 5 ? Columns : Rows;

        Libvips.Turn(pixels, Columns, Rows, orientation, CancellationToken.None);

        byte[] upright = new byte[pixels.Length];
        for (int y = 0, at = 0; y < Rows; y++)
        {
            for (int x = 0; x < Columns; x++, at += 3)
            {
                (int left, int top) = (Columns - 1 - x, Rows - 1 - y);
                (int column, int row) = orientation switch
                {
                    2 => (left, y),
                    3 => (left, top),
                    4 => (x, top),
                    5 => (y, x),
                    6 => (top, x),
                    7 => (top, left),
                    _ => (y, left),
                };
                stored.AsSpan(at, 3).CopyTo(upright.AsSpan(((row * width) + column) * 3));
            }
        }

        Assert.Equal(upright, pixels);
    }

    [Fact]
    public void Decode_LabOfEightBits_IsRefused()
    {
        SegmentationException e = Assert.Throws<SegmentationException>(
            () => Decoder.Decode(Assets.Image("lab.tif"), CancellationToken.None).Dispose());

        Assert.Equal(SegmentationError.UnsupportedMediaType, e.Error);
        Assert.Contains("CIELab (8) of 3 samples of uint8", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("palette.tif", "palette (3)")]
    [InlineData("lab-16.tif", "CIELab (8)")]
    public void ReadBands_SamplesThatAreNoColours_AreRefused(string name, string word)
    {
        using EncodedImage image = Decoder.Open(Assets.Image(name));
        float[] plane = new float[image.BandSize.Pixels];

        SegmentationException e = Assert.Throws<SegmentationException>(
            () => image.ReadBands([0], [plane], 0, image.BandSize.Height, CancellationToken.None));

        Assert.Equal(SegmentationError.UnsupportedMediaType, e.Error);
        Assert.Contains(word, e.Message, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Pictures))]
    public void Decode_Window_IsAPartOfThePicture(string name, double tolerance)
    {
        PixelWindow window = new(5, 3, 11, 6);
        using RgbImage all = Decoder.Decode(Assets.Image(name), CancellationToken.None);
        using EncodedImage image = Decoder.Open(
            Assets.Image(name), ImageWindow.Pixels(window.X, window.Y, window.Width, window.Height));
        byte[] pixels = new byte[window.Size.Pixels * 3];

        image.Decode(pixels, CancellationToken.None);

        Assert.Equal(window.Size, image.Size);
        Assert.InRange(tolerance, 0, 3);
        for (int y = 0; y < window.Height; y++)
        {
            int from = (((window.Y + y) * all.Size.Width) + window.X) * 3;
            Assert.Equal(all.Pixels.Span.Slice(from, window.Width * 3), pixels.AsSpan(y * window.Width * 3, window.Width * 3));
        }
    }

    [Theory]
    [InlineData(40, 20, 16, 12, "window: expected pixels of the image, which has")]
    [InlineData(0, 0, 1, 2000000000, "window: expected pixels of the image, which has")]
    public void Open_WindowOutsideOfTheImage_SaysItsSize(int x, int y, int width, int height, string expected)
    {
        SegmentationException e = Assert.Throws<SegmentationException>(() =>
            Decoder.Open(Assets.Image("rgb.png"), ImageWindow.Pixels(x, y, width, height)).Dispose());

        Assert.Equal(SegmentationError.InvalidRequest, e.Error);
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
        Assert.Contains($"{Picture.Width}×{Picture.Height}", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_Limits_ApplyToTheWindowOfATiffOnly()
    {
        int half = Picture.Width * Picture.Height / 2;
        ImageDecoder decoder = new(Options.Create(new DecodingOptions { MaxPixels = half }));
        ImageDecoder bytes = new(Options.Create(new DecodingOptions { MaxDecodedBytes = half * 3 }));
        ImageWindow part = ImageWindow.Pixels(1, 1, 8, 8)!;

        using EncodedImage tiff = decoder.Open(Assets.Image("two-pages.tif"), part);
        using EncodedImage few = bytes.Open(Assets.Image("two-pages.tif"), part);
        SegmentationException whole = Assert.Throws<SegmentationException>(() => decoder.Open(Assets.Image("two-pages.tif")));
        SegmentationException png = Assert.Throws<SegmentationException>(() => decoder.Open(Assets.Image("rgb.png"), part));
        SegmentationException many = Assert.Throws<SegmentationException>(() => bytes.Open(Assets.Image("two-pages.tif")));

        Assert.Equal(new ImageSize(8, 8), tiff.Size);
        Assert.Equal(new ImageSize(8, 8), few.Size);
        Assert.Equal(
            [SegmentationError.TooManyPixels, SegmentationError.TooManyPixels, SegmentationError.TooManyPixels],
            [whole.Error, png.Error, many.Error]);
        Assert.Contains("request a part of it with window or bbox", whole.Message, StringComparison.Ordinal);
        Assert.Contains("3 bands of uint8", many.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(70_000, 1)]
    [InlineData(1, 70_000)]
    public void Open_LongSide_IsRefusedUnlessAPartIsWanted(int width, int height)
    {
        using Image line = Image.Black(width, height, bands: 3);
        byte[] png = line.PngsaveBuffer(), tiff = line.TiffsaveBuffer(compression: Enums.ForeignTiffCompression.Deflate);

        SegmentationException e = Assert.Throws<SegmentationException>(() => Decoder.Open(png));
        SegmentationException whole = Assert.Throws<SegmentationException>(() => Decoder.Open(tiff));
        using EncodedImage part = Decoder.Open(tiff, ImageWindow.Pixels(0, 0, Math.Min(width, 9), Math.Min(height, 9)));

        Assert.Equal((SegmentationError.TooManyPixels, SegmentationError.TooManyPixels), (e.Error, whole.Error));
        Assert.Contains("sides of at most 65,535 pixels", e.Message, StringComparison.Ordinal);
        Assert.Contains("window or bbox", whole.Message, StringComparison.Ordinal);
        Assert.Equal(9, part.Size.Pixels);
    }

    [Fact]
    public void Decode_Avif_GivesThePicture()
    {
        using Image picture = Image.NewFromMemory(Picture.Rgb, Picture.Width, Picture.Height, 3, Enums.BandFormat.Uchar);
        byte[] file = picture.HeifsaveBuffer(lossless: true, compression: Enums.ForeignHeifCompression.Av1);

        using RgbImage image = Decoder.Decode(file, CancellationToken.None);

        Picture.AssertClose(Picture.Rgb, image.Pixels.Span, tolerance: 2);
    }

    [Theory, InlineData("grey.jpg", 2), InlineData("grey16.png", 0.5)]
    public void Decode_Grey_RepeatsIt(string name, double tolerance)
    {
        using RgbImage image = Decoder.Decode(Assets.Image(name), CancellationToken.None);

        Picture.AssertClose(Picture.Grey, image.Pixels.Span, tolerance);
    }

    [Fact]
    public void Decode_OneBit_IsBlackAndWhite()
    {
        using RgbImage image = Decoder.Decode(Assets.Image("one-bit.png"), CancellationToken.None);

        Assert.Equal(Picture.Grey.Select(value => value >= 128 ? (byte)255 : (byte)0), image.Pixels.ToArray());
    }

    [Theory, InlineData("rgba.png", 0.6), InlineData("grey-alpha.png", 0.6), InlineData("premultiplied.avif", 1.5)]
    public void Decode_Alpha_IsLaidOnWhite(string name, double tolerance)
    {
        byte[] opaque = name == "grey-alpha.png" ? Picture.Grey : Picture.Rgb;
        byte[] expected = [.. opaque.Select((value, i) =>
        {
            int alpha = (int)(i / 3 % Picture.Width * 255.0 / (Picture.Width - 1));
            return (byte)(((value * alpha) + (255 * (255 - alpha))) / 255);
        })];

        using RgbImage image = Decoder.Decode(Assets.Image(name), CancellationToken.None);

        Picture.AssertClose(expected, image.Pixels.Span, tolerance);
    }

    [Fact]
    public void Decode_GifWhoseFrameIsSmaller_IsWhiteAroundTheFrame()
    {
        using RgbImage image = Decoder.Decode(Assets.Image("small-frame.gif"), CancellationToken.None);

        Assert.Equal(new ImageSize(Picture.Width, Picture.Height), image.Size);
        for (int i = 0; i < Picture.Rgb.Length; i++)
        {
            int x = i / 3 % Picture.Width, y = i / 3 / Picture.Width;
            bool isInFrame = x is >= 8 and < 32 && y is >= 6 and < 24;
            Assert.Equal((x, y, isInFrame ? Picture.Rgb[i] : 255), (x, y, image.Pixels.Span[i]));
        }
    }

    [Theory]
    [InlineData("heic", "mif1heic")]
    [InlineData("heix", "mif1")]
    [InlineData("hevc", "msf1")]
    [InlineData("mif1", "mif1heic")]
    [InlineData("mif1", "")]
    [InlineData("msf1", "hevc")]
    public void Decode_Heic_IsNamed(string major, string others)
    {
        byte[] avif = Assets.Image("sequence.avif");
        byte[] brands = [.. "ftyp"u8, .. Encoding.ASCII.GetBytes(major), 0, 0, 0, 0, .. Encoding.ASCII.GetBytes(others)];
        byte[] file = [0, 0, 0, (byte)(brands.Length + 4), .. brands, .. avif[BinaryPrimitives.ReadInt32BigEndian(avif)..]];

        SegmentationException e = Assert.Throws<SegmentationException>(() => Decoder.Decode(file, CancellationToken.None));

        Assert.Equal(SegmentationError.UnsupportedMediaType, e.Error);
        Assert.Contains("got HEIC", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Decode_CmykWithoutProfile_KeepsTheHues()
    {
        using RgbImage image = Decoder.Decode(Assets.Image("cmyk.jpg"), CancellationToken.None);

        // A naive CMYK seen through a press profile is paler, so only the order of the bands is certain.
        byte[] pixels = image.Pixels.ToArray();
        byte[] red = pixels.AsSpan(((8 * Picture.Width) + 16) * 3, 3).ToArray();
        byte[] blue = pixels.AsSpan(((22 * Picture.Width) + 30) * 3, 3).ToArray();
        Assert.All(pixels[..3], band => Assert.InRange(band, 250, 255));
        Assert.True(red[0] > red[1] + 60 && red[0] > red[2] + 60);
        Assert.True(blue[2] > blue[0] + 40 && blue[2] > blue[1] + 40);
    }

    [Fact]
    public void Decode_HeaderOfAHugePicture_IsRefusedBeforeItsPixels()
    {
        SegmentationException e = Assert.Throws<SegmentationException>(() =>
            Decoder.Decode(Assets.Image("huge.png"), CancellationToken.None));
        Assert.Equal(SegmentationError.TooManyPixels, e.Error);
        Assert.Contains("60000×60000", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "undecodable-image")]
    [InlineData("hello, this is no image", "unsupported-media-type")]
    [InlineData("<svg xmlns='http://www.w3.org/2000/svg'/>", "unsupported-media-type")]
    [InlineData("1 2 3\n4 5 6\n", "unsupported-media-type")]
    [InlineData("\0\0\0\x18ftypheic\0\0\0\0mif1heic", "unsupported-media-type")]
    [InlineData("\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "unsupported-media-type")]
    [InlineData("%PDF-1.4\n1 0 obj\n<</Type/Catalog>>\nendobj\n", "unsupported-media-type")]
    [InlineData("MATLAB 5.0 MAT-file, Platform: GLNXA64", "unsupported-media-type")]
    [InlineData("#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 1 +X 1\n....", "unsupported-media-type")]
    [InlineData("P6\n1 1\n255\n...", "unsupported-media-type")]
    public void Decode_NoImage_SaysWhatItIsNot(string body, string error) =>
        Assert.Equal(
            error,
            Assert.Throws<SegmentationException>(() =>
                Decoder.Decode(System.Text.Encoding.UTF8.GetBytes(body), CancellationToken.None)).Error.Name);

    [Fact]
    public void Decode_MoreBytesThanAllowed_IsRefused()
    {
        ImageDecoder strict = new(Options.Create(new DecodingOptions { MaxBytes = 100 }));
        Assert.Equal(
            SegmentationError.PayloadTooLarge,
            Assert.Throws<SegmentationException>(() => strict.Decode(new byte[101], CancellationToken.None)).Error);
    }

    [Fact]
    public void Decode_PixelLimit_IsInclusive()
    {
        byte[] image = Assets.Image("rgb.png");
        using RgbImage decoded = Decoder.Decode(image, CancellationToken.None);
        ImageSize size = decoded.Size;
        using RgbImage exact = new ImageDecoder(
            Options.Create(new DecodingOptions { MaxPixels = size.Pixels })).Decode(image, CancellationToken.None);
        Assert.Equal(size, exact.Size);
        Assert.Throws<SegmentationException>(() =>
            new ImageDecoder(Options.Create(new DecodingOptions { MaxPixels = size.Pixels - 1 })).Decode(
                image, CancellationToken.None));
    }

    [Fact]
    public void Decode_Cancelled_Stops() =>
        Assert.ThrowsAny<OperationCanceledException>(() => Decoder.Decode(Assets.Image("rgb.png"), new CancellationToken(canceled: true)));

    // Threads of libvips may have written some strips by the time that they see the mark.
    [Theory, InlineData("orientation-1.jpg"), InlineData("orientation-2.jpg"), InlineData("orientation-6.jpg")]
    public void LibvipsDecode_Cancelled_Throws(string name)
    {
        byte[] pixels = new byte[Picture.Rgb.Length];
        ReadOnlyMemory<byte> file = Assets.Image(name);
        using MemoryHandle pin = file.Pin();
        Image header = Libvips.Open("jpegload_source", file, Enums.FailOn.Error);

        Assert.Throws<VipsException>(() => Libvips.Decode(header, pixels, new CancellationToken(canceled: true)));
    }

    [Fact]
    public void Decode_ManyThreads_EachGetsItsOwnPicture()
    {
        byte[][] files = [Assets.Image("orientation-6.jpg"), Assets.Image("srgb-profile.jpg"), Assets.Image("rgb16.png")];

        Parallel.For(0, 300, new ParallelOptions { MaxDegreeOfParallelism = 8 }, i =>
        {
            using RgbImage image = Decoder.Decode(files[i % files.Length], CancellationToken.None);
            Picture.AssertClose(Picture.Rgb, image.Pixels.Span, tolerance: 3);
        });
    }
}
