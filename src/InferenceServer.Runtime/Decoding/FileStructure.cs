using System.Buffers.Binary;
using InferenceServer.Kernels;

namespace InferenceServer.Runtime.Decoding;

/// <summary>What the bytes of a file say about its pixels and libvips does not.</summary>
internal static class FileStructure
{
    /// <summary>Whether the colours of an AVIF file were multiplied with its alpha: its first image refers to the alpha
    /// as <c>prem</c> (ISO/IEC 23008-12).</summary>
    public static bool IsPremultiplied(ReadOnlySpan<byte> avif)
    {
        const int Version = 4; // the version and flags of a box
        ReadOnlySpan<byte> meta = Box(avif, "meta"u8);
        if (meta.Length < Version)
        {
            return false;
        }

        ReadOnlySpan<byte> primary = Box(meta[Version..], "pitm"u8), references = Box(meta[Version..], "iref"u8);
        if (primary.Length < Version || references.Length < Version)
        {
            return false;
        }

        ReadOnlySpan<byte> rest = references[Version..];
        while (Next(ref rest, out ReadOnlySpan<byte> type, out ReadOnlySpan<byte> reference))
        {
            if (type.SequenceEqual("prem"u8) && Item(reference, references[0]) == Item(primary[Version..], primary[0]))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Whether a reader of JPEG finds nothing to warn of before the data: the header's segments follow one
    /// another, and their versions are known.</summary>
    public static bool HasPlainHeader(ReadOnlySpan<byte> jpeg)
    {
        const int Start = 2, Marker = 0xFF, Scan = 0xDA, App0 = 0xE0, App14 = 0xEE, Transform = 11, LastTransform = 2;
        for (int at = Start; at < jpeg.Length - 4;)
        {
            if (jpeg[at] != Marker)
            {
                return false;
            }

            int kind = jpeg[at + 1];
            if (kind == Marker)
            {
                at++; // a byte that fills up
                continue;
            }

            ReadOnlySpan<byte> segment = jpeg[(at + 4)..];
            bool isUnknown = kind switch
            {
                App0 => segment.StartsWith("JFIF\0"u8) && segment.Length > 5 && segment[5] != 1,
                App14 => segment.StartsWith("Adobe"u8) && segment.Length > Transform && segment[Transform] > LastTransform,
                _ => false,
            };
            if (isUnknown || kind == Scan)
            {
                return !isUnknown;
            }

            at += 2 + BinaryPrimitives.ReadUInt16BigEndian(jpeg[(at + 2)..]);
        }

        return false;
    }

    /// <summary>Whether the data of a GIF file's first frame are as many pixels as the frame has. libvips fills up what is
    /// missing.</summary>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static bool HasWholeFrame(ReadOnlySpan<byte> gif, CancellationToken cancellationToken)
    {
        const int Descriptor = 10, Flags = 9, LastWidth = 12, LargestCodeSize = 11;
        int at = FrameAt(gif);
        if (at < 0)
        {
            return true; // as libvips decides
        }

        long pixels = (long)BinaryPrimitives.ReadUInt16LittleEndian(gif[(at + 5)..])
            * BinaryPrimitives.ReadUInt16LittleEndian(gif[(at + 7)..]);
        at += Descriptor + ColorBytes(gif[at + Flags]);
        int codeSize = at < gif.Length ? gif[at++] : 0;
        if (codeSize is < 1 or > LargestCodeSize)
        {
            return false;
        }

        int clear = 1 << codeSize, next = clear + 2, width = codeSize + 1, bits = 0, left = 0;
        uint window = 0;
        long length = 0;
        bool isFirst = true; // the code after a clear code adds none
        int[] lengths = new int[1 << LastWidth];
        lengths.AsSpan(0, clear).Fill(1);
        int before = 0;
        while (length <= pixels)
        {
            for (; bits < width; bits += 8, left--)
            {
                if (left == 0)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    left = at < gif.Length ? gif[at++] : 0; // a block of data begins with its length
                }

                if (left == 0 || at >= gif.Length)
                {
                    return length == pixels;
                }

                window |= (uint)gif[at++] << bits;
            }

            int code = (int)(window & ((1u << width) - 1));
            window >>= width;
            bits -= width;
            if (code == clear)
            {
                (next, width, isFirst) = (clear + 2, codeSize + 1, true);
                continue;
            }

            if (code == clear + 1)
            {
                return length == pixels;
            }

            if (code > next || (code == next && (isFirst || next == lengths.Length)))
            {
                return false;
            }

            if (!isFirst && next < lengths.Length)
            {
                lengths[next++] = lengths[before] + 1;
            }

            if (code >= next)
            {
                return false;
            }

            (length, before, isFirst) = (length + lengths[code], code, false);
            if (next == 1 << width && width < LastWidth)
            {
                width++;
            }
        }

        return false;
    }

    /// <summary>The pixels of the first frame of a GIF file, which may be smaller than the image; null where the file
    /// shows none.</summary>
    public static PixelWindow? FirstFrame(ReadOnlySpan<byte> gif, ImageSize image)
    {
        int at = FrameAt(gif);
        if (at < 0)
        {
            return null;
        }

        ReadOnlySpan<byte> place = gif[(at + 1)..];
        PixelWindow frame = new(
            BinaryPrimitives.ReadUInt16LittleEndian(place), BinaryPrimitives.ReadUInt16LittleEndian(place[2..]),
            BinaryPrimitives.ReadUInt16LittleEndian(place[4..]), BinaryPrimitives.ReadUInt16LittleEndian(place[6..]));
        if (frame.Size.Pixels == 0 || frame.X >= image.Width || frame.Y >= image.Height)
        {
            return null;
        }

        return frame.Intersect(PixelWindow.Of(image));
    }

    // The place of the first frame's descriptor; negative without one.
    private static int FrameAt(ReadOnlySpan<byte> gif)
    {
        const int Header = 13, Flags = 10, Extension = 0x21, Descriptor = 0x2C, DescriptorLength = 10;
        if (gif.Length < Header)
        {
            return -1;
        }

        int at = Header + ColorBytes(gif[Flags]);
        while (at < gif.Length - DescriptorLength && gif[at] == Extension)
        {
            // The blocks of an extension begin with their length; the last one has none.
            for (at += 2; at < gif.Length && gif[at] != 0; at += gif[at] + 1)
            {
            }

            at++;
        }

        if (at >= gif.Length - DescriptorLength || gif[at] != Descriptor)
        {
            return -1;
        }

        return at;
    }

    private static int ColorBytes(byte flags) => (flags & 0x80) == 0 ? 0 : 3 << ((flags & 7) + 1);

    private static uint Item(ReadOnlySpan<byte> box, byte version)
    {
        if (version == 0 && box.Length >= sizeof(ushort))
        {
            return BinaryPrimitives.ReadUInt16BigEndian(box);
        }

        return box.Length < sizeof(uint) ? 0 : BinaryPrimitives.ReadUInt32BigEndian(box);
    }

    // The content of the first box of a type; empty without one.
    private static ReadOnlySpan<byte> Box(ReadOnlySpan<byte> boxes, ReadOnlySpan<byte> wanted)
    {
        while (Next(ref boxes, out ReadOnlySpan<byte> type, out ReadOnlySpan<byte> content))
        {
            if (type.SequenceEqual(wanted))
            {
                return content;
            }
        }

        return [];
    }

    private static bool Next(
        scoped ref ReadOnlySpan<byte> boxes, out ReadOnlySpan<byte> type, out ReadOnlySpan<byte> content)
    {
        const int Short = 8, Long = 16;
        type = content = default;
        if (boxes.Length < Short)
        {
            return false;
        }

        ulong length = BinaryPrimitives.ReadUInt32BigEndian(boxes);
        int header = Short;
        if (length == 1 && boxes.Length >= Long)
        {
            (length, header) = (BinaryPrimitives.ReadUInt64BigEndian(boxes[Short..]), Long);
        }
        else if (length == 0)
        {
            length = (ulong)boxes.Length; // to the end of the file
        }

        if (length < (ulong)header || length > (ulong)boxes.Length)
        {
            return false;
        }

        type = boxes[4..Short];
        content = boxes[header..(int)length];
        boxes = boxes[(int)length..];
        return true;
    }
}
