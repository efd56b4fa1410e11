using System.Buffers.Binary;

namespace InferenceServer.Runtime.Decoding;

/// <summary>Limits on the parts of an encoded image that are no pixels. libvips reads all of them, some more than once,
/// before it decodes a pixel, and cannot be stopped meanwhile.</summary>
/// <remarks>Files that programs write stay far below: a camera writes some hundred tags, and ten text chunks are
/// many.</remarks>
internal static class FileLimits
{
    /// <summary>Most directories of a TIFF file, and most frames of a WebP file.</summary>
    public const int Pages = 10_000;

    /// <summary>Most segments before the pixels of a JPEG file, most chunks of a WebP file, and most boxes of an AVIF
    /// file.</summary>
    public const int Parts = 65_536;

    /// <summary>Most compressed chunks of text in a PNG file.</summary>
    public const int PackedTexts = 256;

    /// <summary>Most tags of EXIF data. A directory counts as often as others refer to it.</summary>
    public const int ExifTags = 65_536;

    /// <summary>Most tags of all directories of a TIFF file.</summary>
    public const int TiffTags = 1 << 20;

    // Bytes that values of a TIFF's tags may share with each other: pages may have one colour profile.
    private const long SharedBytes = 16 << 20;

    // What libexif reads of longer data.
    private const int LongestExif = 0xFFFE;
    private const int ExifEntry = 12, PngSignature = 8, PngOverhead = 12, RiffHeader = 12, ChunkHeader = 8;
    private static ReadOnlySpan<byte> LittleEndian => "II*\0"u8;

    private static ReadOnlySpan<byte> BigEndian => "MM\0*"u8;

    /// <summary>Checks a file before libvips reads it.</summary>
    /// <param name="format">The file's format.</param>
    /// <param name="file">The whole file.</param>
    /// <exception cref="SegmentationException">A limit is passed.</exception>
    public static void Check(ImageFormat format, ReadOnlySpan<byte> file)
    {
        if (format == ImageFormat.Tiff)
        {
            CheckTiff(file);
            return;
        }

        if (format == ImageFormat.Jpeg)
        {
            CheckJpeg(file);
        }
        else if (format == ImageFormat.Png)
        {
            CheckPng(file);
        }
        else if (format == ImageFormat.Webp)
        {
            CheckWebp(file);
        }
        else if (format == ImageFormat.Avif)
        {
            CheckAvif(file);
        }

        CheckExif(format, file);
    }

    private static void CheckJpeg(ReadOnlySpan<byte> file)
    {
        const byte Marker = 0xFF, Start = 0xD8, Scan = 0xDA, FirstPlain = 0xD0, LastPlain = 0xD9, Temporary = 0x01;
        int count = 0;
        for (int at = 0; at <= file.Length - 4 && file[at] == Marker;)
        {
            byte kind = file[at + 1];
            if (kind == Scan)
            {
                return;
            }

            if (kind == Marker)
            {
                int fill = file[at..].IndexOfAnyExcept(Marker);
                at = fill < 0 ? file.Length : at + fill - 1;
                continue;
            }

            bool isPlain = kind is >= FirstPlain and <= LastPlain or Temporary or Start;
            at += 2 + (isPlain ? 0 : BinaryPrimitives.ReadUInt16BigEndian(file[(at + 2)..]));
            Require(++count <= Parts, ImageFormat.Jpeg, Parts, "segments before its pixels");
        }
    }

    private static void CheckPng(ReadOnlySpan<byte> file)
    {
        int packed = 0;
        for (long at = PngSignature; at <= file.Length - PngOverhead;)
        {
            ReadOnlySpan<byte> chunk = file[(int)at..];
            ReadOnlySpan<byte> kind = chunk.Slice(4, 4);
            packed += kind.SequenceEqual("zTXt"u8) || kind.SequenceEqual("iTXt"u8) || kind.SequenceEqual("iCCP"u8) ? 1 : 0;
            Require(packed <= PackedTexts, ImageFormat.Png, PackedTexts, "chunks of compressed text");
            at += PngOverhead + (long)BinaryPrimitives.ReadUInt32BigEndian(chunk);
        }
    }

    private static void CheckWebp(ReadOnlySpan<byte> file)
    {
        int chunks = 0, frames = 0;
        for (long at = RiffHeader; at <= file.Length - ChunkHeader;)
        {
            ReadOnlySpan<byte> chunk = file[(int)at..];
            frames += chunk.StartsWith("ANMF"u8) ? 1 : 0;
            Require(++chunks <= Parts, ImageFormat.Webp, Parts, "chunks");
            Require(frames <= Pages, ImageFormat.Webp, Pages, "frames");
            long length = BinaryPrimitives.ReadUInt32LittleEndian(chunk[4..]);
            at += ChunkHeader + length + (length & 1);
        }
    }

    private static void CheckAvif(ReadOnlySpan<byte> file)
    {
        int boxes = 0;
        for (long at = 0; at <= file.Length - ChunkHeader;)
        {
            long length = BinaryPrimitives.ReadUInt32BigEndian(file[(int)at..]);
            if (length == 1)
            {
                length = Offset(file, at + ChunkHeader, sizeof(long), isBig: true);
            }

            if (length < ChunkHeader)
            {
                return; // to the end of the file, or no box
            }

            Require(++boxes <= Parts, ImageFormat.Avif, Parts, "boxes");
            at += Math.Min(length, file.Length);
        }
    }

    /// <summary>Counts the tags of EXIF data in the way of libexif, which reads a directory again for each reference to
    /// it.</summary>
    /// <remarks>The data begin with one of two words wherever a format keeps them; those words may occur elsewhere, too,
    /// and what follows them there has few tags.</remarks>
    private static void CheckExif(ImageFormat format, ReadOnlySpan<byte> file)
    {
        int left = ExifTags;
        foreach (bool isBig in (ReadOnlySpan<bool>)[false, true])
        {
            ReadOnlySpan<byte> word = isBig ? BigEndian : LittleEndian;
            ReadOnlySpan<byte> rest = file;
            for (int at = rest.IndexOf(word); at >= 0 && left > 0; at = rest.IndexOf(word))
            {
                rest = rest[at..];
                ReadOnlySpan<byte> data = rest[..Math.Min(rest.Length, LongestExif)];
                CountExif(data, isBig, Number(data, 4, isBig), depth: 0, ref left);
                rest = rest[word.Length..];
            }
        }

        Require(left > 0, format, ExifTags, "tags of EXIF data, with each directory counted as often as others refer to it");
    }

    private static void CountExif(ReadOnlySpan<byte> data, bool isBig, long at, int depth, ref int left)
    {
        const int Deepest = 16, Pointer1 = 0x8769, Pointer2 = 0x8825, Pointer3 = 0xA005;
        left--;
        if (depth == Deepest || at < 0 || at > data.Length - 2)
        {
            return;
        }

        int tags = Short(data, (int)at, isBig);
        long entry = at + 2;
        for (; tags > 0 && left > 0 && entry <= data.Length - ExifEntry; tags--, entry += ExifEntry)
        {
            left--;
            if (Short(data, (int)entry, isBig) is Pointer1 or Pointer2 or Pointer3)
            {
                CountExif(data, isBig, Number(data, entry + 8, isBig), depth + 1, ref left);
            }
        }

        if (tags == 0 && depth == 0 && Number(data, entry, isBig) is > 0 and long thumbnail)
        {
            CountExif(data, isBig, thumbnail, depth + 1, ref left);
        }
    }

    private static void CheckTiff(ReadOnlySpan<byte> file)
    {
        bool isBig = file[0] == 'M';
        bool isWide = Short(file, 2, isBig) == 43;
        (int word, int counter, int entry) = isWide ? (8, 8, 20) : (4, 2, ExifEntry);
        int pages = 0;
        long tags = 0, bytes = 0, most = file.Length + SharedBytes;
        for (long at = Offset(file, word, word, isBig); at > 0; at = Offset(file, at, word, isBig))
        {
            long count = Math.Max(Offset(file, at, counter, isBig), 0);
            Require(++pages <= Pages, ImageFormat.Tiff, Pages, "directories, one for each page");
            Require((tags += count) <= TiffTags, ImageFormat.Tiff, TiffTags, "tags");
            at += counter;
            for (long end = Math.Min(at + (count * entry), file.Length - entry + 1); at < end; at += entry)
            {
                long values = Math.Clamp(Offset(file, at + 4, word, isBig), 0, file.Length);
                bytes += Math.Min(values * TiffSize(Short(file, (int)at + 2, isBig)), file.Length);
                Require(bytes <= most, ImageFormat.Tiff, most, "bytes of values of tags");
            }
        }
    }

    private static int TiffSize(int type) => type switch
    {
        3 or 8 => 2,
        4 or 9 or 11 or 13 => 4,
        5 or 10 or 12 or 16 or 17 or 18 => 8,
        _ => 1,
    };

    private static void Require(bool isMet, ImageFormat format, long most, string what)
    {
        if (!isMet)
        {
            throw new SegmentationException(
                SegmentationError.UndecodableImage,
                $"The {format.MediaType} has too many parts: expected at most {most:N0} {what}, got more. Save the image again.");
        }
    }

    // A number of 2, 4 or 8 bytes; negative where it lies beyond the file, or is larger than any file.
    private static long Offset(ReadOnlySpan<byte> file, long at, int size, bool isBig)
    {
        if (at < 0 || at > file.Length - size)
        {
            return -1;
        }

        ReadOnlySpan<byte> bytes = file.Slice((int)at, size);
        return size switch
        {
            2 => Short(bytes, 0, isBig),
            4 => Number(bytes, 0, isBig),
            _ => isBig ? BinaryPrimitives.ReadInt64BigEndian(bytes) : BinaryPrimitives.ReadInt64LittleEndian(bytes),
        };
    }

    private static int Short(ReadOnlySpan<byte> data, int at, bool isBig)
    {
        ReadOnlySpan<byte> bytes = data[at..];
        return isBig ? BinaryPrimitives.ReadUInt16BigEndian(bytes) : BinaryPrimitives.ReadUInt16LittleEndian(bytes);
    }

    private static long Number(ReadOnlySpan<byte> data, long at, bool isBig)
    {
        if (at > data.Length - 4)
        {
            return -1;
        }

        ReadOnlySpan<byte> bytes = data[(int)at..];
        return isBig ? BinaryPrimitives.ReadUInt32BigEndian(bytes) : BinaryPrimitives.ReadUInt32LittleEndian(bytes);
    }
}
