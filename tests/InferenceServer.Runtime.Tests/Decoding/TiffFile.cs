using System.Buffers.Binary;
using System.IO.Compression;

namespace InferenceServer.Runtime.Tests.Decoding;

/// <summary>A TIFF of 128×128 pixels in four strips or sixteen tiles, each of one shade of its own.</summary>
internal sealed record TiffFile(bool Tiled = false, bool BigEndian = false, bool Big = false, int Compression = TiffFile.Deflate)
{
    public const int Deflate = 8;
    public const int Side = 128;
    public const int PartSide = 32;

    /// <summary>The part that is left out, as GDAL does where all is zero.</summary>
    public int? Missing { get; init; }

    /// <summary>The part whose data are overwritten.</summary>
    public int? Damaged { get; init; }

    private int PartWidth => Tiled ? PartSide : Side;

    public byte[] Encode()
    {
        using MemoryStream file = new();
        file.Write(BigEndian ? "MM"u8 : "II"u8);
        Number(file, Big ? 43 : 42, 2);
        if (Big)
        {
            Number(file, 8, 2);
            Number(file, 0, 2);
        }

        long start = file.Position;
        Number(file, 0, Word);
        List<(long At, long Length)> parts = [.. Enumerable.Range(0, Side * Side / PartWidth / PartSide).Select(i => Part(file, i))];
        long offsets = file.Position;
        parts.ForEach(part => Number(file, part.At, Word));
        long lengths = file.Position;
        parts.ForEach(part => Number(file, part.Length, Word));
        long directory = file.Position;
        Number(file, Tiled ? 11 : 10, Big ? 8 : 2);
        Field(file, 256, 3, 1, Side);
        Field(file, 257, 3, 1, Side);
        Field(file, 258, 3, 1, 8); // for all bands: readers take the first
        Field(file, 259, 3, 1, Compression);
        Field(file, 262, 3, 1, 2); // RGB
        if (!Tiled)
        {
            Field(file, 273, Big ? 16 : 4, parts.Count, offsets);
        }

        Field(file, 277, 3, 1, 3);
        if (!Tiled)
        {
            Field(file, 278, 3, 1, PartSide);
            Field(file, 279, Big ? 16 : 4, parts.Count, lengths);
        }

        Field(file, 284, 3, 1, 1); // bands side by side
        if (Tiled)
        {
            Field(file, 322, 3, 1, PartSide);
            Field(file, 323, 3, 1, PartSide);
            Field(file, 324, Big ? 16 : 4, parts.Count, offsets);
            Field(file, 325, Big ? 16 : 4, parts.Count, lengths);
        }

        Number(file, 0, Word);
        file.Position = start;
        Number(file, directory, Word);
        return file.ToArray();
    }

    /// <summary>The shade that a pixel should have.</summary>
    public byte Shade(int x, int y)
    {
        int part = ((y / PartSide) * (Side / PartWidth)) + (x / PartWidth);
        return part == Missing ? (byte)0 : Shade(part);
    }

    private static byte Shade(int part) => (byte)(50 + (10 * part));

    private int Word => Big ? 8 : 4;

    private (long At, long Length) Part(MemoryStream file, int part)
    {
        if (part == Missing)
        {
            return (0, 0);
        }

        byte[] pixels = new byte[PartWidth * PartSide * 3];
        pixels.AsSpan().Fill(Shade(part));
        using MemoryStream packed = new();
        using (ZLibStream zlib = new(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            zlib.Write(pixels);
        }

        byte[] data = packed.ToArray();
        if (part == Damaged)
        {
            data.AsSpan(2).Fill(0x55);
        }

        long at = file.Position;
        file.Write(data);
        return (at, data.Length);
    }

    private void Field(MemoryStream file, int tag, int type, long count, long value)
    {
        Number(file, tag, 2);
        Number(file, type, 2);
        Number(file, count, Word);
        int size = type == 3 && count == 1 ? 2 : Word; // one short lies at the left of its place
        Number(file, value, size);
        file.Write(new byte[Word - size]);
    }

    private void Number(MemoryStream file, long number, int size)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteInt64BigEndian(bytes, number);
        bytes = bytes[^size..];
        if (!BigEndian)
        {
            bytes.Reverse();
        }

        file.Write(bytes);
    }
}
