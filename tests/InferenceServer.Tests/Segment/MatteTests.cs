using System.Buffers.Binary;
using System.Net;
using System.Runtime.InteropServices;

namespace InferenceServer.Tests.Segment;

/// <summary>Probabilities as pictures: alpha, cutout and probability.</summary>
[Collection(SharedServer.Name)]
public sealed class MatteTests(SegmentationServer server)
{
    [Theory]
    [InlineData("tiny-binary?format=alpha", "tiny-binary", 1, 8)]
    [InlineData("tiny-binary?format=alpha&bits=16", "tiny-binary", 1, 16)]
    [InlineData("tiny-binary?format=probability&class=0", "tiny-binary", 0, 8)]
    [InlineData("tiny?format=probability&class=1&bits=16", "tiny", 1, 16)]
    public async Task Grey_OfAClass_IsItsProbability(string query, string model, int index, int bits)
    {
        float[] expected = await ProbabilitiesAsync(model, index);

        PngImage png = await PngAsync(query);

        Assert.Equal((PngImage.Grey, bits, Photo.Width, Photo.Height), (png.ColorType, png.Bits, png.Width, png.Height));
        for (int i = 0; i < expected.Length; i++)
        {
            int sample = png.Samples[i * bits / 8];
            if (bits == 16)
            {
                sample = BinaryPrimitives.ReadUInt16BigEndian(png.Samples.AsSpan(2 * i));
            }

            Assert.Equal(expected[i] * ((1 << bits) - 1), sample, 0.51);
        }
    }

    [Fact]
    public async Task Probability_ClassByName_IsTheClassOfTheIndex()
    {
        PngImage index = await PngAsync("tiny?format=probability&class=1");
        PngImage name = await PngAsync("tiny?format=probability&class=green");

        Assert.Equal(index.Samples, name.Samples);
    }

    [Fact]
    public async Task Cutout_HasTheImageAndItsAlpha()
    {
        PngImage alpha = await PngAsync("tiny-binary?format=alpha");

        PngImage cutout = await PngAsync("tiny-binary?format=cutout");

        byte[] image = PngImage.Read(Photo.Png).Samples;
        Assert.Equal((PngImage.Rgba, 8), (cutout.ColorType, cutout.Bits));
        for (int i = 0; i < alpha.Samples.Length; i++)
        {
            byte[] color = alpha.Samples[i] == 0 ? [0, 0, 0] : image[(3 * i)..((3 * i) + 3)];
            Assert.Equal([.. color, alpha.Samples[i]], cutout.Samples[(4 * i)..((4 * i) + 4)]);
        }
    }

    [Theory]
    [InlineData("%230040ff")]
    [InlineData("0040FF")]
    public async Task Cutout_OnAColor_IsBlended(string color)
    {
        float[] alpha = await ProbabilitiesAsync("tiny-binary", 1);

        PngImage blended = await PngAsync("tiny-binary?format=cutout&background=" + color);

        byte[] image = PngImage.Read(Photo.Png).Samples, background = [0, 0x40, 0xff];
        Assert.Equal((PngImage.Rgb, 8), (blended.ColorType, blended.Bits));
        for (int i = 0; i < image.Length; i++)
        {
            double a = alpha[i / 3];
            Assert.Equal((a * image[i]) + ((1 - a) * background[i % 3]), blended.Samples[i], 0.51);
        }
    }

    [Theory]
    [InlineData("tiny?format=alpha", "Expected a model of two classes")]
    [InlineData("tiny?format=cutout", "Request format=probability&class=NAME")]
    [InlineData("tiny-labels?format=alpha", "Request a format of labels, for instance png or masks")]
    [InlineData("tiny-labels?format=probability&class=0", "ends in labels")]
    [InlineData("tiny?format=probability", "class: expected the name or the index of a class, got ''")]
    [InlineData("tiny?format=probability&class=dog", "got 'dog'. The classes are: ")]
    [InlineData("tiny?format=probability&class=99", "got '99'")]
    [InlineData("tiny-binary?format=alpha&bits=12", "bits: expected 8 or 16, got '12'")]
    [InlineData("tiny-binary?format=cutout&background=green", "background: expected a colour of six hexadecimal digits")]
    [InlineData("tiny-binary?format=alpha&refine=crf", "before refinement")]
    public async Task Matte_ThatCannotBe_Is400AndSaysWhat(string query, string detail)
    {
        using HttpResponseMessage response = await PostAsync(query);

        Assert.Contains(detail, await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, response), StringComparison.Ordinal);
    }

    private async Task<float[]> ProbabilitiesAsync(string model, int index)
    {
        using HttpResponseMessage response = await PostAsync(model + "?format=npy-probabilities");
        byte[] npy = await response.Content.ReadAsByteArrayAsync();
        int header = 10 + BinaryPrimitives.ReadUInt16LittleEndian(npy.AsSpan(8));
        const int Pixels = Photo.Width * Photo.Height;
        return MemoryMarshal.Cast<byte, float>(npy.AsSpan(header)).Slice(index * Pixels, Pixels).ToArray();
    }

    private async Task<PngImage> PngAsync(string query)
    {
        using HttpResponseMessage response = await PostAsync(query);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return PngImage.Read(await response.Content.ReadAsByteArrayAsync());
    }

    private Task<HttpResponseMessage> PostAsync(string query) =>
        server.Client.PostAsync("/v1/segment/" + query, Photo.Content(Photo.Png, "image/png"));
}
