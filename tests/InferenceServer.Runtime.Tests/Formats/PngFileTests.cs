using InferenceServer.Kernels;
using InferenceServer.Kernels.Coloring;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Formats;

namespace InferenceServer.Runtime.Tests.Formats;

public class PngFileTests
{
    [Fact]
    public void Write_AMask_IsAnIndexedPngOfEightBitsWithTheWholePalette()
    {
        using PooledBufferWriter png = new();

        PngFile.WriteIndexed(new byte[12], new ImageSize(4, 3), Palette.Voc(256), png);

        ReadOnlySpan<byte> bytes = png.Written.Span;
        Assert.Equal("IHDR"u8, bytes[12..16]);
        Assert.Equal([0, 0, 0, 4, 0, 0, 0, 3, 8, 3, 0, 0, 0], bytes[16..29].ToArray());
        Assert.Equal("PLTE"u8, bytes[37..41]);
        Assert.Equal(768, (bytes[35] << 8) + bytes[36]);
        Assert.Equal([0, 0, 0, 0, (byte)'I', (byte)'E', (byte)'N', (byte)'D', 0xAE, 0x42, 0x60, 0x82], bytes[^12..].ToArray());
    }
}
