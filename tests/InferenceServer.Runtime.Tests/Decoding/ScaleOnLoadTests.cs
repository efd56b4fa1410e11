using InferenceServer.Kernels;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Tests.Models;
using Microsoft.Extensions.Options;
using NetVips;

namespace InferenceServer.Runtime.Tests.Decoding;

/// <summary>JPEG that shrinks while it is decoded, where a manifest allows it.</summary>
public sealed class ScaleOnLoadTests
{
    private static readonly ImageDecoder Decoder = new(Options.Create(new DecodingOptions()));

    [Theory]
    [InlineData(640, 480, 40, 30, 80, 60)]
    [InlineData(640, 480, 41, 30, 160, 120)] // 80 is less than twice 41
    [InlineData(640, 480, 160, 120, 320, 240)]
    [InlineData(640, 480, 161, 120, 640, 480)]
    [InlineData(644, 484, 40, 30, 161, 121)] // 8 does not divide them
    [InlineData(641, 480, 40, 30, 641, 480)]
    public void ShrinkTo_Jpeg_LeavesTwiceTheSizeAndNoRest(
        int width, int height, int least, int leastHeight, int expected, int expectedHeight)
    {
        using EncodedImage image = Decoder.Open(Jpeg(width, height));

        image.ShrinkTo(new ImageSize(least, leastHeight));

        Assert.Equal(new ImageSize(expected, expectedHeight), image.Size);
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(6, false)]
    [InlineData(1, true)]
    [InlineData(8, true)]
    public void ShrinkTo_UprightAndTurned_IsTheMeanOfSquares(int orientation, bool progressive)
    {
        byte[] file = Jpeg(160, 96, orientation, progressive);
        using RgbImage whole = Decoder.Decode(file, CancellationToken.None);
        using EncodedImage image = Decoder.Open(file);
        image.ShrinkTo(new ImageSize(1, 1));
        byte[] shrunk = new byte[image.Size.Pixels * 3];

        image.Decode(shrunk, CancellationToken.None);

        Assert.Equal(new ImageSize(whole.Size.Width / 8, whole.Size.Height / 8), image.Size);
        Assert.All(Enumerable.Range(0, shrunk.Length), i => Assert.InRange(shrunk[i] - MeanOfSquare(whole, i), -3, 3));
    }

    [Fact]
    public void ShrinkTo_OtherFormatsAndParts_StayAsTheyAre()
    {
        using Image picture = Picture(64, 64);
        using EncodedImage png = Decoder.Open(picture.PngsaveBuffer());
        png.ShrinkTo(new ImageSize(1, 1));
        Assert.Equal(new ImageSize(64, 64), png.Size);

        using EncodedImage part = Decoder.Open(Jpeg(64, 64), ImageWindow.Pixels(8, 8, 32, 32));
        part.ShrinkTo(new ImageSize(1, 1));
        Assert.Equal(new ImageSize(32, 32), part.Size);
    }

    [Fact]
    public void Decode_CutFileThatShrinks_NamesTheSizeOfTheImage()
    {
        byte[] jpeg = Jpeg(640, 480);
        using EncodedImage cut = Decoder.Open(jpeg.AsMemory(0, jpeg.Length / 2));
        cut.ShrinkTo(new ImageSize(40, 30));
        Assert.Equal(new ImageSize(80, 60), cut.Size);

        SegmentationException e = Assert.Throws<SegmentationException>(
            () => cut.Decode(new byte[80 * 60 * 3], CancellationToken.None));

        Assert.Contains("640×480", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task SegmentAsync_OfAModelThatAllowsIt_ShrinksWhatTheNetworkAloneSees()
    {
        using ModelsFolder models = new();
        foreach (string name in (string[])["whole", "shrunk"])
        {
            models.Add("tiny", 1, name);
            models.EditManifest(name, "\"mode\": \"none\"", "\"mode\": \"exact\", \"size\": [48, 64]");
        }

        models.EditManifest("shrunk", "\"preprocess\":", "\"decode\": {\"scale_on_load\": true}, \"preprocess\":");
        using TestRuntime runtime = new(models.Path);
        SegmentationRequest request = new() { Image = Jpeg(640, 480) };
        using SegmentationResult whole = await SegmentAsync("whole", request);
        using SegmentationResult shrunk = await SegmentAsync("shrunk", request);
        using SegmentationResult kept = await SegmentAsync("shrunk", request with { WithImage = true });
        using SegmentationResult twice = await SegmentAsync(
            "shrunk", request with { Settings = new SegmentSettings { Passes = new() { Flip = true } } });

        Assert.Equal(new ImageSize(160, 120), shrunk.Image.Size);
        Assert.All([whole, kept, twice], result => Assert.Equal(new ImageSize(640, 480), result.Image.Size));
        Assert.True(whole.Mask.Labels.Span.SequenceEqual(kept.Mask.Labels.Span));
        ReadOnlyMemory<byte> labels = shrunk.Mask.Labels, expected = whole.Mask.Labels;
        Assert.Equal(640 * 480, labels.Length);
        Assert.InRange(Enumerable.Range(0, labels.Length).Count(i => labels.Span[i] != expected.Span[i]), 0, labels.Length / 200);
        Assert.Equal(3, labels.ToArray().Distinct().Count());

        async Task<SegmentationResult> SegmentAsync(string model, SegmentationRequest wanted)
        {
            using AdmittedRequest admitted = runtime.Segmenter.Admit(model, CancellationToken.None);
            return await runtime.Segmenter.SegmentAsync(admitted, wanted);
        }
    }

    private static double MeanOfSquare(RgbImage whole, int sample)
    {
        (int pixel, int channel) = Math.DivRem(sample, 3);
        (int y, int x) = Math.DivRem(pixel, whole.Size.Width / 8);
        double sum = 0;
        for (int i = 0; i < 64; i++)
        {
            sum += whole.Pixels.Span[((((y * 8) + (i / 8)) * whole.Size.Width) + (x * 8) + (i % 8)) * 3 + channel];
        }

        return sum / 64;
    }

    // Smooth, so that chroma at half the size loses nothing.
    private static Image Picture(int width, int height)
    {
        using Image xyz = Image.Xyz(width, height);
        using Image x = xyz[0] * (255.0 / width);
        using Image y = xyz[1] * (255.0 / height);
        return x.Bandjoin(y, 255 - x).Cast(Enums.BandFormat.Uchar).Copy(interpretation: Enums.Interpretation.Srgb);
    }

    private static byte[] Jpeg(int width, int height, int orientation = 1, bool progressive = false)
    {
        using Image picture = Picture(width, height);
        using Image marked = picture.Mutate(m => m.Set(GValue.GIntType, "orientation", orientation));
        return marked.JpegsaveBuffer(q: 95, interlace: progressive);
    }
}
