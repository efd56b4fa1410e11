using InferenceServer.Kernels;
using InferenceServer.Kernels.Coloring;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Formats;
using Vips;

namespace InferenceServer.Runtime.Tests.Formats;

public class IndexedPngTests
{
    public static TheoryData<int, int> Sizes => new() { { 1, 1 }, { 1, 5000 }, { 5000, 1 }, { 7, 3 }, { 480, 360 }, { 300, 700 } };

    [Theory, MemberData(nameof(Sizes))]
    public void Write_RandomLabels_DecodesToTheirColours(int width, int height)
    {
        ImageSize size = new(width, height);
        byte[] labels = new byte[size.Pixels];
        new Random(width).NextBytes(labels); // incompressible, so that the data takes several chunks
        Palette palette = Palette.Voc(256);
        using PooledBufferWriter png = new();

        IndexedPng.Write(labels, size, palette, png);

        using VipsImage decoded = VipsImage.OpenEncoded(png.Written);
        using VipsImage rgb = decoded.ToRgb8();
        byte[] actual = new byte[size.Pixels * 3], expected = new byte[size.Pixels * 3];
        rgb.CopyPixelsTo(actual);
        ColorMap.Apply(labels, palette, expected);
        Assert.Equal(expected, actual);
    }

    [Fact]
    public void Write_AMask_IsAnIndexedPngOfEightBitsWithTheWholePalette()
    {
        using PooledBufferWriter png = new();

        IndexedPng.Write(new byte[12], new ImageSize(4, 3), Palette.Voc(256), png);

        ReadOnlySpan<byte> bytes = png.Written.Span;
        Assert.Equal("IHDR"u8, bytes[12..16]);
        Assert.Equal([0, 0, 0, 4, 0, 0, 0, 3, 8, 3, 0, 0, 0], bytes[16..29].ToArray());
        Assert.Equal("PLTE"u8, bytes[37..41]);
        Assert.Equal(768, (bytes[35] << 8) + bytes[36]);
        Assert.Equal([0, 0, 0, 0, (byte)'I', (byte)'E', (byte)'N', (byte)'D', 0xAE, 0x42, 0x60, 0x82], bytes[^12..].ToArray());
    }
}
