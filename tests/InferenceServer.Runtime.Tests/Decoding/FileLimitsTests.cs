using System.Buffers.Binary;
using System.Text;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Formats;
using Microsoft.Extensions.Options;
using NetVips;

namespace InferenceServer.Runtime.Tests.Decoding;

/// <summary>Parts of a file that are no pixels, and that the image library reads before a pixel: few are harmless, very many
/// are refused before it sees them.</summary>
public sealed class FileLimitsTests
{
    private const int Pointer = 0x8769;
    private static readonly ImageDecoder Decoder = new(Options.Create(new DecodingOptions()));

    public static TheoryData<string, int> Limits => new()
    {
        { "jpeg segments", FileLimits.Parts },
        { "png texts", FileLimits.PackedTexts },
        { "webp chunks", FileLimits.Parts },
        { "webp frames", FileLimits.Pages },
        { "tiff pages", FileLimits.Pages },
        { "tiff tags", FileLimits.TiffTags / 2 },
        { "tiff values", 32 }, // of a megabyte each, all at one place
        { "avif boxes", FileLimits.Parts },
        // Each reference to a directory of as many references counts all of them.
        { "jpeg exif", 256 },
        { "png exif", 256 },
        { "webp exif", 256 },
        { "avif exif", 256 },
    };

    [Theory, MemberData(nameof(Limits))]
    public void Decode_MorePartsThanTheLimit_IsRefused(string kind, int limit)
    {
        SegmentationException e = Assert.Throws<SegmentationException>(
            () => Decoder.Decode(Build(kind, limit + 1), CancellationToken.None));

        Assert.Equal(SegmentationError.UndecodableImage, e.Error);
        Assert.StartsWith($"The image/{kind.Split(' ')[0]} has too many parts: expected at most", e.Message, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Limits))]
    public void Decode_AsManyPartsAsProgramsWrite_IsDecoded(string kind, int limit)
    {
        using RgbImage image = Decoder.Decode(Build(kind, Math.Min(limit / 8, 100)), CancellationToken.None);
        Assert.Equal(16, image.Size.Width);
    }

    [Fact]
    public void Decode_TiffWhosePartsOverlap_ListsNoMoreThanAnImageHas()
    {
        TiffDirectory file = new(Tiff([(273, 1, int.MaxValue / 2, 8), (279, 1, int.MaxValue / 2, 8)], pages: 1, size: 1 << 23));
        Assert.InRange(file.Parts().Count(), 1, 1 << 22);
    }

    private static byte[] Build(string kind, int count)
    {
        using Image image = Image.Black(16, 16, bands: 3);
        switch (kind)
        {
            case "jpeg segments":
                return Insert(image.JpegsaveBuffer(), 2, Repeat([0xFF, 0xEF, 0, 2], count));
            case "png texts":
                byte[] text = [(byte)'a', 0, 0, 0x78, 0x9C, 3, 0, 0, 0, 0, 1];
                return Insert(image.PngsaveBuffer(), 33, Repeat(Chunk("zTXt", text), count));
            case "webp chunks":
                byte[] chunks = Repeat([.. "TEST"u8, 0, 0, 0, 0], count);
                return Riff([.. Extended(0), .. chunks, .. image.WebpsaveBuffer(keep: Enums.ForeignKeep.None)[12..]]);
            case "webp frames":
                byte[] picture = image.WebpsaveBuffer(keep: Enums.ForeignKeep.None)[12..];
                byte[] frame = [.. new byte[6], 15, 0, 0, 15, 0, 0, 1, 0, 0, 0, .. picture];
                byte[] head = [.. Extended(2), .. "ANIM"u8, .. Little(6), .. new byte[6]];
                return Riff([.. head, .. Repeat([.. "ANMF"u8, .. Little(frame.Length), .. frame], count)]);
            case "tiff pages":
                return Tiff([], count, size: 0);
            case "tiff tags":
                // Each of the two directories claims as many.
                return Tiff([], pages: 1, size: 0, claimed: count > 100 ? FileLimits.TiffTags : 0);
            case "tiff values":
                int[] texts = [270, 271, 272, 305];
                int bytes = count > texts.Length ? 1 << 20 : 2; // two bytes are in the tag itself
                return Tiff([.. Enumerable.Range(0, count).Select(i => (texts[i % 4], 2, bytes, 8))], pages: 1, size: 1 << 20);
            case "avif boxes":
                byte[] plain = image.HeifsaveBuffer(compression: Enums.ForeignHeifCompression.Av1);
                return [.. plain, .. Repeat([.. Big32(8), .. "free"u8], count)];
            case "jpeg exif":
                byte[] exif = [.. "Exif\0\0"u8, .. Exif(count)];
                return Insert(image.JpegsaveBuffer(), 2, [0xFF, 0xE1, .. Big16(exif.Length + 2), .. exif]);
            case "png exif":
                return Insert(image.PngsaveBuffer(), 33, Chunk("eXIf", Exif(count)));
            case "webp exif":
                byte[] data = Exif(count);
                byte[] pixels = image.WebpsaveBuffer(keep: Enums.ForeignKeep.None)[12..];
                return Riff([.. Extended(8), .. pixels, .. "EXIF"u8, .. Little(data.Length), .. data]);
            default:
                byte[] box = Exif(count);
                byte[] avif = image.HeifsaveBuffer(compression: Enums.ForeignHeifCompression.Av1);
                return [.. avif, .. Big32(box.Length + 8), .. "free"u8, .. box];
        }
    }

    /// <summary>A directory of references to itself.</summary>
    private static byte[] Exif(int count)
    {
        byte[] entry = [.. Little16(Pointer), .. Little16(4), .. Little(1), .. Little(count > 100 ? 8 : 0)];
        return [.. "II*\0"u8, .. Little(8), .. Little16(count), .. Repeat(entry, count), .. Little(0)];
    }

    /// <summary>A gray image of 16×16 pixels, with other directories behind it.</summary>
    private static byte[] Tiff((int Tag, int Type, int Count, int Value)[] tags, int pages, int size, int claimed = 0)
    {
        (int Tag, int Type, int Count, int Value)[] all =
        [
            .. ((int, int, int, int)[])[
                (256, 4, 1, 16), (257, 4, 1, 16), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 8), (277, 3, 1, 1),
                (278, 4, 1, 16), (279, 4, 1, 256)],
        ];
        all =
        [
            .. all.Select(tag => tags.FirstOrDefault(other => other.Tag == tag.Tag) is { Tag: > 0 } other ? other : tag)
                .Concat(tags.Where(other => all.All(tag => tag.Tag != other.Tag))).OrderBy(tag => tag.Tag),
        ];
        const int Pixels = 256, First = 8 + Pixels;
        int length = 2 + (all.Length * 12) + 4;
        using MemoryStream file = new();
        file.Write([.. "II*\0"u8, .. Little(First), .. new byte[Pixels]]);
        for (int page = 0; page < pages; page++)
        {
            bool isLast = page == pages - 1;
            file.Write(Little16(all.Length));
            foreach ((int tag, int type, int count, int value) in all)
            {
                file.Write([.. Little16(tag), .. Little16(type), .. Little(count), .. Little(value)]);
            }

            file.Write(Little(isLast ? 0 : First + ((page + 1) * length)));
        }

        if (claimed > 0)
        {
            return BigTiff(claimed);
        }

        file.Write(new byte[size]);
        return file.ToArray();
    }

    // Only BigTIFF has room for so many in one directory.
    private static byte[] BigTiff(int claimed)
    {
        using Image image = Image.Black(16, 16, bands: 3);
        byte[] file = image.TiffsaveBuffer(bigtiff: true);
        int directory = (int)BinaryPrimitives.ReadInt64LittleEndian(file.AsSpan(8));
        int next = directory + 8 + ((int)BinaryPrimitives.ReadInt64LittleEndian(file.AsSpan(directory)) * 20);
        BinaryPrimitives.WriteInt64LittleEndian(file.AsSpan(next), file.Length);
        byte[] count = new byte[16];
        BinaryPrimitives.WriteInt64LittleEndian(count, claimed);
        return [.. file, .. count];
    }

    private static byte[] Chunk(string kind, byte[] data)
    {
        using PooledBufferWriter chunk = new();
        PngChunk.Write(Encoding.ASCII.GetBytes(kind), data, chunk);
        return chunk.Written.ToArray();
    }

    private static byte[] Extended(byte flags) => [.. "VP8X"u8, .. Little(10), flags, 0, 0, 0, 15, 0, 0, 15, 0, 0];

    private static byte[] Riff(byte[] chunks) => [.. "RIFF"u8, .. Little(chunks.Length + 4), .. "WEBP"u8, .. chunks];

    private static byte[] Insert(byte[] file, int at, byte[] part) => [.. file[..at], .. part, .. file[at..]];

    private static byte[] Repeat(byte[] part, int count) => [.. Enumerable.Repeat(part, count).SelectMany(bytes => bytes)];

    private static byte[] Little(int value)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, value);
        return bytes;
    }

    private static byte[] Little16(int value) => Little(value)[..2];

    private static byte[] Big32(int value) => [.. Little(value).Reverse()];

    private static byte[] Big16(int value) => Big32(value)[2..];
}
