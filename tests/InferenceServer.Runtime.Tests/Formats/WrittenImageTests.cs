using InferenceServer.Kernels;
using InferenceServer.Kernels.Coloring;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Formats;
using SixLabors.ImageSharp.PixelFormats;
using Image = SixLabors.ImageSharp.Image;

namespace InferenceServer.Runtime.Tests.Formats;

/// <summary>The images that are written, read by a library that shares no code with the one that wrote them.</summary>
public sealed class WrittenImageTests
{
    public static TheoryData<int, int> Sizes => new() { { 1, 1 }, { 1, 5000 }, { 5000, 1 }, { 7, 3 }, { 480, 360 }, { 300, 700 } };

    [Theory, MemberData(nameof(Sizes))]
    public void PngFile_IndexedLabels_DecodesToTheirColours(int width, int height)
    {
        ImageSize size = new(width, height);
        byte[] labels = Noise(size.Pixels); // incompressible, so that the data takes several chunks
        Palette palette = Palette.Voc(256);
        byte[] expected = new byte[size.Pixels * 3];
        ColorMap.Apply(labels, palette, expected);
        using PooledBufferWriter png = new();

        PngFile.WriteIndexed(labels, size, palette, png);

        Assert.Equal(expected, Read(png, size));
    }

    [Theory, MemberData(nameof(Sizes))]
    public void BinaryPng_RandomLabels_IsWhiteWhereTheClassIs(int width, int height)
    {
        ImageSize size = new(width, height);
        byte[] labels = Noise(size.Pixels, most: 3);
        using PooledBufferWriter png = new();

        BinaryPng.Write(labels, size, 1, png);

        Assert.Equal(labels.SelectMany(label => Enumerable.Repeat(label == 1 ? (byte)255 : (byte)0, 3)), Read(png, size));
    }

    [Theory, MemberData(nameof(Sizes))]
    public void PngFile_Rgb_IsLossless(int width, int height)
    {
        ImageSize size = new(width, height);
        byte[] rgb = Noise(size.Pixels * 3);
        using PooledBufferWriter png = new();

        PngFile.Write(rgb, size, bands: 3, png, isFlat: width == 7);

        Assert.Equal(rgb, Read(png, size));
    }

    [Theory, MemberData(nameof(Sizes))]
    public void PngFile_Grey_IsLossless(int width, int height)
    {
        ImageSize size = new(width, height);
        byte[] grey = Noise(size.Pixels);
        using PooledBufferWriter png = new();

        PngFile.Write(grey, size, bands: 1, png);

        Assert.Equal(grey.SelectMany(value => Enumerable.Repeat(value, 3)), Read(png, size));
    }

    [Theory, MemberData(nameof(Sizes))]
    public void PngFile_SixteenBits_KeepsBothBytes(int width, int height)
    {
        ImageSize size = new(width, height);
        byte[] grey = Noise(size.Pixels * 2);
        using PooledBufferWriter png = new();

        PngFile.Write(grey, size, bands: 1, png, sampleBytes: 2);

        using SixLabors.ImageSharp.Image<L16> image = Image.Load<L16>(png.Written.Span);
        L16[] pixels = new L16[size.Pixels];
        image.CopyPixelDataTo(pixels);
        Assert.Equal(
            Enumerable.Range(0, pixels.Length).Select(i => (grey[2 * i] << 8) + grey[(2 * i) + 1]),
            pixels.Select(p => (int)p.PackedValue));
    }

    [Theory, MemberData(nameof(Sizes))]
    public void PngFile_Alpha_IsLossless(int width, int height)
    {
        ImageSize size = new(width, height);
        byte[] rgba = Noise(size.Pixels * 4);
        using PooledBufferWriter png = new();

        PngFile.Write(rgba, size, bands: 4, png);

        using SixLabors.ImageSharp.Image<Rgba32> image = Image.Load<Rgba32>(png.Written.Span);
        byte[] pixels = new byte[rgba.Length];
        image.CopyPixelDataTo(pixels);
        Assert.Equal(rgba, pixels);
    }

    [Fact]
    public void JpegFile_PartOfAnArray_IsThatPart()
    {
        byte[] rgb = [.. Noise(9), .. Enumerable.Repeat((byte)200, 64 * 3)];
        using PooledBufferWriter jpeg = new();

        JpegFile.Write(rgb.AsMemory(9), new ImageSize(8, 8), jpeg);

        Assert.All(Read(jpeg, new ImageSize(8, 8)), value => Assert.InRange(value, 199, 201));
    }

    [Theory, InlineData(3, 1), InlineData(1, 3)]
    public void PngFile_OtherNumberOfPixels_Throws(int written, int bands)
    {
        using PooledBufferWriter output = new();

        Assert.Throws<ArgumentOutOfRangeException>(() =>
            PngFile.Write(new byte[written * 12], new ImageSize(4, 3), bands, output));
    }

    private static byte[] Noise(long length, int most = 256)
    {
        Random random = new((int)length);
        byte[] noise = new byte[length];
        for (int i = 0; i < noise.Length; i++)
        {
            noise[i] = (byte)random.Next(most);
        }

        return noise;
    }

    private static byte[] Read(PooledBufferWriter file, ImageSize size)
    {
        using SixLabors.ImageSharp.Image<Rgb24> image = Image.Load<Rgb24>(file.Written.Span);
        Assert.Equal((size.Width, size.Height), (image.Width, image.Height));
        byte[] pixels = new byte[size.Pixels * 3];
        image.CopyPixelDataTo(pixels);
        return pixels;
    }
}
