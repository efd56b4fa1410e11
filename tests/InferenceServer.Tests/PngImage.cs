using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace InferenceServer.Tests;

/// <summary>A PNG of 8 or 16 bits as it lies in the file: libvips would turn an indexed one into colours, and the tests look
/// at the indices.</summary>
/// <remarks>PNG specification, third edition, §5 and §9.</remarks>
internal sealed class PngImage
{
    public const int Grey = 0;
    public const int Rgb = 2;
    public const int Indexed = 3;
    public const int Rgba = 6;

    public required int Width { get; init; }

    public required int Height { get; init; }

    public required int ColorType { get; init; }

    public required int Bits { get; init; }

    /// <summary>Red, green and blue of each index; empty unless indexed.</summary>
    public required byte[] Palette { get; init; }

    /// <summary>HWC, without the bytes that name the filters; of 16 bits the high byte first.</summary>
    public required byte[] Samples { get; init; }

    public static PngImage Read(byte[] file)
    {
        ILookup<string, byte[]> chunks = Chunks(file).ToLookup(c => c.Type, c => c.Data);
        byte[] header = chunks["IHDR"].Single();
        Assert.True(header[8] is 8 or 16);
        Assert.Equal(0, header[12]); // not interlaced
        int width = BinaryPrimitives.ReadInt32BigEndian(header);
        int height = BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(4));
        int colorType = header[9];
        int channels = colorType switch { Rgb => 3, Rgba => 4, _ => 1 };
        return new PngImage
        {
            Width = width,
            Height = height,
            ColorType = colorType,
            Bits = header[8],
            Palette = chunks["PLTE"].SingleOrDefault() ?? [],
            Samples = Unfilter(Inflate(chunks["IDAT"]), header[8] / 8 * channels * width, height),
        };
    }

    /// <summary>The colour at an index of the palette.</summary>
    public (byte Red, byte Green, byte Blue) Color(int index) => (Palette[3 * index], Palette[(3 * index) + 1], Palette[(3 * index) + 2]);

    private static IEnumerable<(string Type, byte[] Data)> Chunks(byte[] file)
    {
        const int SignatureLength = 8;
        const int Overhead = 12; // length, type, checksum
        for (int at = SignatureLength; at < file.Length;)
        {
            int length = BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(at));
            yield return (Encoding.ASCII.GetString(file, at + 4, 4), file[(at + 8)..(at + 8 + length)]);
            at += length + Overhead;
        }
    }

    private static byte[] Inflate(IEnumerable<byte[]> data)
    {
        using ZLibStream zlib = new(new MemoryStream([.. data.SelectMany(d => d)]), CompressionMode.Decompress);
        using MemoryStream scanlines = new();
        zlib.CopyTo(scanlines);
        return scanlines.ToArray();
    }

    private static byte[] Unfilter(byte[] scanlines, int stride, int height)
    {
        Assert.Equal((stride + 1) * height, scanlines.Length);
        byte[] samples = new byte[stride * height];
        for (int y = 0; y < height; y++)
        {
            // The server's encoders write each row as its difference to the row above; references are not filtered.
            byte filter = scanlines[y * (stride + 1)];
            Assert.Contains(filter, (byte[])[0, 2]);
            for (int x = 0; x < stride; x++)
            {
                int above = y == 0 || filter == 0 ? 0 : samples[((y - 1) * stride) + x];
                samples[(y * stride) + x] = (byte)(scanlines[(y * (stride + 1)) + 1 + x] + above);
            }
        }

        return samples;
    }
}
