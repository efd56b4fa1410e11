using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace InferenceServer.LoadTests.Compare;

/// <summary>The class indices of a palette PNG of up to 8 bits a pixel, from any encoder.</summary>
/// <remarks>PNG specification, third edition, §5, §7 and §9.</remarks>
internal static class Mask
{
    private const int Signature = 8;
    private const int ChunkOverhead = 12; // length, type, checksum

    public static byte[] Read(byte[] png)
    {
        using MemoryStream compressed = new();
        (int width, int height, int bits) = (0, 0, 0);
        for (int at = Signature; at < png.Length;)
        {
            int length = BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(at));
            ReadOnlySpan<byte> data = png.AsSpan(at + 8, length);
            switch (Encoding.ASCII.GetString(png, at + 4, 4))
            {
                case "IHDR":
                    (width, height, bits) = (
                        BinaryPrimitives.ReadInt32BigEndian(data), BinaryPrimitives.ReadInt32BigEndian(data[4..]),
                        data[8]);
                    break;
                case "IDAT":
                    compressed.Write(data);
                    break;
            }

            at += length + ChunkOverhead;
        }

        compressed.Position = 0;
        using ZLibStream zlib = new(compressed, CompressionMode.Decompress);
        int stride = ((width * bits) + 7) / 8;
        byte[] labels = new byte[width * height];
        byte[] above = new byte[stride];
        byte[] line = new byte[stride + 1];
        for (int y = 0; y < height; y++)
        {
            zlib.ReadExactly(line);
            Unfilter(line[0], line.AsSpan(1), above);
            for (int x = 0; x < width; x++)
            {
                labels[(y * width) + x] = (byte)((above[x * bits / 8] >> (8 - bits - (x * bits % 8))) & ((1 << bits) - 1));
            }
        }

        return labels;
    }

    /// <summary>Undoes one row's filter; <paramref name="above"/> holds the row before and becomes this one.</summary>
    private static void Unfilter(int filter, ReadOnlySpan<byte> line, Span<byte> above)
    {
        (int left, int upperLeft) = (0, 0);
        for (int x = 0; x < line.Length; x++)
        {
            int up = above[x];
            int predicted = filter switch
            {
                1 => left,
                2 => up,
                3 => (left + up) / 2,
                4 => Paeth(left, up, upperLeft),
                _ => 0,
            };
            (left, upperLeft) = ((byte)(line[x] + predicted), up);
            above[x] = (byte)left;
        }
    }

    private static int Paeth(int left, int up, int upperLeft)
    {
        int estimate = left + up - upperLeft;
        (int toLeft, int toUp, int toUpperLeft) = (Math.Abs(estimate - left), Math.Abs(estimate - up), Math.Abs(estimate - upperLeft));
        return toLeft <= toUp && toLeft <= toUpperLeft ? left : toUp <= toUpperLeft ? up : upperLeft;
    }
}
