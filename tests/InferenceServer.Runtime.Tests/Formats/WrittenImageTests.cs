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
    public void IndexedPng_RandomLabels_DecodesToTheirColours(int width, int height)
    {
        ImageSize size = new(width, height);
        byte[] labels = Noise(size.Pixels); // incompressible, so that the data takes several chunks
        Palette palette = Palette.Voc(256);
        byte[] expected = new byte[size.Pixels * 3];
        ColorMap.Apply(labels, palette, expected);
        using PooledBufferWriter png = new();

        IndexedPng.Write(labels, size, palette, png);

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
    public void PixelFile_Rgb_IsLossless(int width, int height)
    {
        ImageSize size = new(width, height);
        byte[] rgb = Noise(size.Pixels * 3);
        using PooledBufferWriter png = new();

        PixelFile.Write(rgb, size, bands: 3, jpegQuality: null, png);

        Assert.Equal(rgb, Read(png, size));
    }

    [Theory, MemberData(nameof(Sizes))]
    public void PixelFile_Grey_IsLossless(int width, int height)
    {
        ImageSize size = new(width, height);
        byte[] grey = Noise(size.Pixels);
        using PooledBufferWriter png = new();

        PixelFile.Write(grey, size, bands: 1, jpegQuality: null, png);

        Assert.Equal(grey.SelectMany(value => Enumerable.Repeat(value, 3)), Read(png, size));
    }

    [Fact]
    public void PixelFile_PartOfAnArray_IsThatPart()
    {
        byte[] grey = Noise(7 + 12);
        using PooledBufferWriter png = new();

        PixelFile.Write(grey.AsMemory(7), new ImageSize(4, 3), bands: 1, jpegQuality: null, png);

        Assert.Equal(grey[7..].SelectMany(value => Enumerable.Repeat(value, 3)), Read(png, new ImageSize(4, 3)));
    }

    [Theory, InlineData(3, 1), InlineData(1, 3)]
    public void PixelFile_OtherNumberOfPixels_Throws(int written, int bands)
    {
        using PooledBufferWriter output = new();

        Assert.Throws<ArgumentOutOfRangeException>(() =>
            PixelFile.Write(new byte[written * 12], new ImageSize(4, 3), bands, jpegQuality: null, output));
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
