using System.Globalization;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Tests.Buffers;
using Microsoft.Extensions.Options;
using NetVips;

namespace InferenceServer.Runtime.Tests.Decoding;

/// <summary>Resident memory is that of the whole process, so these tests run alone.</summary>
[CollectionDefinition(nameof(DecodingMemoryTests), DisableParallelization = true), Collection(nameof(DecodingMemoryTests))]
public sealed class DecodingMemoryTests
{
    private const int Slack = 16 << 20;
    private static readonly ImageDecoder Decoder = new(Options.Create(new DecodingOptions()));

    // tests/soak/decoding.py has more kinds, and images of 100 megapixels.
    public static TheoryData<string, int, int> Images
    {
        get
        {
            TheoryData<string, int, int> images = [];
            foreach (string kind in Writers.Keys)
            {
                images.Add(kind, 2600, 2000);
                if (!kind.StartsWith("avif", StringComparison.Ordinal))
                {
                    images.Add(kind, 16000, 300);
                }
            }

            return images;
        }
    }

    private static Dictionary<string, Func<Image, byte[]>> Writers { get; } = new()
    {
        ["png"] = image => image.PngsaveBuffer(compression: 1),
        ["png-interlaced"] = image => image.PngsaveBuffer(compression: 1, interlace: true),
        ["png-16-interlaced"] = image => Deep(image).PngsaveBuffer(compression: 1, interlace: true),
        ["png-16"] = image => Deep(image).PngsaveBuffer(compression: 1),
        ["png-alpha-16"] = image => Deep(image.Bandjoin(255)).PngsaveBuffer(compression: 1),
        ["jpeg"] = image => image.JpegsaveBuffer(),
        ["jpeg-progressive"] = image => image.JpegsaveBuffer(interlace: true, subsampleMode: Enums.ForeignSubsample.Off),
        ["jpeg-cmyk-progressive"] = image => image.Colourspace(Enums.Interpretation.Cmyk).JpegsaveBuffer(interlace: true),
        ["jpeg-turned"] = image => Marked(image, 6).JpegsaveBuffer(),
        ["webp"] = image => image.WebpsaveBuffer(effort: 0),
        ["webp-lossless-alpha"] = image => image.Bandjoin(128).WebpsaveBuffer(lossless: true, effort: 0),
        ["gif"] = image => image.GifsaveBuffer(effort: 1),
        ["avif"] = image => image.HeifsaveBuffer(compression: Enums.ForeignHeifCompression.Av1, effort: 0),
        ["tiff"] = image => image.TiffsaveBuffer(compression: Enums.ForeignTiffCompression.Lzw),
        ["tiff-tiles"] = image => image.TiffsaveBuffer(
            compression: Enums.ForeignTiffCompression.Deflate, tile: true, tileWidth: 1024, tileHeight: 1024),
        ["tiff-32"] = image => (image * 16843009).Cast(Enums.BandFormat.Uint).TiffsaveBuffer(
            compression: Enums.ForeignTiffCompression.Deflate),
    };

    [LinuxTheory, MemberData(nameof(Images))]
    public void DecodingBytes_OfEachKind_AreAtLeastWhatDecodingTakes(string kind, int width, int height)
    {
        byte[] file = Draw(kind, width, height);
        Decode(file).Dispose(); // what stays from image to image
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        NativeHeap.Trim();
        using EncodedImage image = Decoder.Open(file);
        using RgbImage pixels = new(image.Size);
        pixels.Pixels.Span.Fill(1);
        long counted = image.DecodingBytes;
        File.WriteAllText("/proc/self/clear_refs", "5"); // the peak begins anew
        long before = Memory("VmRSS");

        image.Decode(pixels.Pixels, CancellationToken.None);

        Assert.InRange(Memory("VmHWM") - before, 0, counted + Slack);
    }

    [Theory]
    [InlineData("jpeg", "jpeg-progressive")]
    [InlineData("png", "png-interlaced")]
    [InlineData("png", "png-16")]
    [InlineData("jpeg", "jpeg-turned")]
    [InlineData("png-16", "png-16-interlaced")]
    [InlineData("jpeg-progressive", "jpeg-cmyk-progressive")]
    public void DecodingBytes_OfAWholeImage_AreMoreThanThoseOfStrips(string strips, string whole)
    {
        using EncodedImage little = Decoder.Open(Draw(strips, 400, 3000)), much = Decoder.Open(Draw(whole, 400, 3000));

        Assert.InRange(much.DecodingBytes, little.DecodingBytes + (400 * 3000), long.MaxValue);
    }

    [Fact]
    public void DecodingBytes_OfAWindow_AreThoseOfTheWholeWhereTheDecoderHoldsIt()
    {
        using EncodedImage image = Decoder.Open(Draw("webp", 1000, 1000), ImageWindow.Pixels(0, 0, 10, 10));

        Assert.InRange(image.DecodingBytes, 1000 * 1000, long.MaxValue);
    }

    [Fact]
    public void CheckMemory_AboveTheLimit_SaysWhatToSend()
    {
        ImageDecoder decoder = new(Options.Create(new DecodingOptions { MaxDecodedBytes = 1024 }));

        SegmentationException e = Assert.Throws<SegmentationException>(() => decoder.CheckMemory(1025));

        Assert.Equal(SegmentationError.TooManyPixels, e.Error);
        Assert.Contains("1,024", e.Message, StringComparison.Ordinal);
    }

    private static byte[] Draw(string kind, int width, int height)
    {
        using Image noise = Image.Gaussnoise(width, height, mean: 128, sigma: 30, seed: 3).Cast(Enums.BandFormat.Uchar);
        using Image image = noise.Bandjoin(noise, noise).Copy(interpretation: Enums.Interpretation.Srgb);
        return Writers[kind](image);
    }

    private static Image Deep(Image image) => (image * 257).Cast(Enums.BandFormat.Ushort).Copy(interpretation: Enums.Interpretation.Rgb16);

    private static Image Marked(Image image, int orientation) =>
        image.Mutate(m => m.Set(GValue.GIntType, "orientation", orientation));

    private static RgbImage Decode(byte[] file) => Decoder.Decode(file, CancellationToken.None);

    private static long Memory(string field) => long.Parse(
        File.ReadLines("/proc/self/status").Single(line => line.StartsWith(field + ":", StringComparison.Ordinal)).Split(' ')[^2],
        CultureInfo.InvariantCulture) * 1024;
}

/// <summary>A theory of what only Linux tells.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class LinuxTheoryAttribute : TheoryAttribute
{
    public LinuxTheoryAttribute()
    {
        if (!OperatingSystem.IsLinux())
        {
            Skip = "Linux only";
        }
    }
}
