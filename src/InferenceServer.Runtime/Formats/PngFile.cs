using System.Buffers;
using System.Buffers.Binary;
using System.IO.Compression;
using System.Numerics;
using InferenceServer.Kernels;
using InferenceServer.Kernels.Coloring;

namespace InferenceServer.Runtime.Formats;

/// <summary>PNG of shades of grey, of colours, or of places in a palette.</summary>
/// <remarks>PNG specification, third edition, §9 and §11. Every row is written as its difference to the row above (filter
/// type Up). Masks, confidences and photographs alike are then compressed faster, and to less, than as they are.</remarks>
internal static class PngFile
{
    private const byte Up = 2, Grey = 0, Rgb = 2, Indexed = 3, Rgba = 6; // a type of filter, and types of colour
    private const int Headers = 4096;
    private const int Growth = 16; // the fastest compression makes noise longer by a seventeenth
    private const int BytesAtOnce = 64 * 1024;

    // Level 1 of zlib takes half of the time of level 2 on photographs. On areas of one value it takes as long, and makes
    // files twice as large.
    private static readonly ZLibCompressionOptions Fastest = new() { CompressionLevel = 1 };
    private static readonly ZLibCompressionOptions OfFlatAreas = new() { CompressionLevel = 2 };

    private static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', (byte)'\r', (byte)'\n', 0x1A, (byte)'\n'];

    /// <summary>What writing the largest of such files takes.</summary>
    /// <param name="pixels">Width × height.</param>
    /// <param name="bands">As for <see cref="Write"/>.</param>
    /// <param name="buffers">Bytes of a pixel in the caller's buffers.</param>
    public static EncodingBytes Bytes(long pixels, int bands, int buffers = 0) =>
        new(buffers * pixels, Room(bands * pixels), IsWhole: true);

    /// <summary>Writes colours, or shades of grey.</summary>
    /// <param name="samples">HWC; of two bytes, the high one first.</param>
    /// <param name="size">Width and height.</param>
    /// <param name="bands">1 for grey, 3 for sRGB, 4 for sRGB with alpha.</param>
    /// <param name="output">Receives the file.</param>
    /// <param name="sampleBytes">1 or 2.</param>
    /// <param name="isFlat">Whether the samples are areas of one value, as those of a mask.</param>
    public static void Write(
        ReadOnlySpan<byte> samples, ImageSize size, int bands, IBufferWriter<byte> output, int sampleBytes = 1, bool isFlat = false)
    {
        byte type = bands switch
        {
            1 => Grey,
            3 => Rgb,
            4 => Rgba,
            _ => throw new ArgumentOutOfRangeException(nameof(bands), bands, "Expected 1, 3 or 4."),
        };
        if (!isFlat)
        {
            // There is room for nearly every file at once: a buffer that grows holds the file twice, and unwritten memory
            // costs nothing.
            output.GetSpan((int)Math.Min(Room(samples.Length), Array.MaxLength));
        }

        WriteFile(samples, size, type, bands * sampleBytes, sampleBytes, palette: [], isFlat, output);
    }

    /// <summary>Writes a label map with colours: each pixel is a label.</summary>
    /// <remarks>Not by libvips, which chooses palettes itself.</remarks>
    /// <param name="labels">HW; a label of <see cref="Palette.Count"/> or more is kept, but has no colour.</param>
    /// <param name="size">Size of <paramref name="labels"/>.</param>
    /// <param name="palette">The colours.</param>
    /// <param name="output">Receives the file.</param>
    public static void WriteIndexed(ReadOnlySpan<byte> labels, ImageSize size, Palette palette, IBufferWriter<byte> output) =>
        WriteFile(labels, size, Indexed, pixelBytes: 1, sampleBytes: 1, palette.Rgb, isFlat: true, output);

    private static void WriteFile(
        ReadOnlySpan<byte> samples, ImageSize size, byte type, int pixelBytes, int sampleBytes, ReadOnlySpan<byte> palette,
        bool isFlat, IBufferWriter<byte> output)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(samples.Length, size.Pixels * pixelBytes, nameof(samples));
        output.Write(Signature);
        Span<byte> header = stackalloc byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, size.Width);
        BinaryPrimitives.WriteInt32BigEndian(header[4..], size.Height);
        header[8] = (byte)(8 * sampleBytes); // bits
        header[9] = type;
        header[10..].Clear(); // deflate, the five filters, not interlaced
        PngChunk.Write("IHDR"u8, header, output);
        if (type == Indexed)
        {
            PngChunk.Write("PLTE"u8, palette, output);
        }

        using (PngDataStream data = new(output))
        using (ZLibStream zlib = new(data, isFlat ? OfFlatAreas : Fastest, leaveOpen: true))
        {
            Filter(samples, size.Width * pixelBytes, zlib);
        }

        PngChunk.Write("IEND"u8, [], output);
    }

    private static void Filter(ReadOnlySpan<byte> samples, int rowBytes, ZLibStream zlib)
    {
        int stride = rowBytes + 1, height = samples.Length / rowBytes;
        int rowsAtOnce = Math.Max(1, Math.Min(height, BytesAtOnce / stride));
        byte[] filtered = ArrayPool<byte>.Shared.Rent(rowsAtOnce * stride);
        for (int top = 0; top < height; top += rowsAtOnce)
        {
            int rows = Math.Min(rowsAtOnce, height - top);
            for (int i = 0; i < rows; i++)
            {
                Span<byte> target = filtered.AsSpan(i * stride, stride);
                target[0] = Up;
                ReadOnlySpan<byte> row = samples.Slice((top + i) * rowBytes, rowBytes);
                if (top + i == 0)
                {
                    row.CopyTo(target[1..]); // the row above the first is zero
                }
                else
                {
                    Subtract(row, samples.Slice((top + i - 1) * rowBytes, rowBytes), target[1..]);
                }
            }

            zlib.Write(filtered, 0, rows * stride);
        }

        ArrayPool<byte>.Shared.Return(filtered);
    }

    private static void Subtract(ReadOnlySpan<byte> row, ReadOnlySpan<byte> above, Span<byte> difference)
    {
        int i = 0;
        for (; i <= row.Length - Vector<byte>.Count; i += Vector<byte>.Count)
        {
            (new Vector<byte>(row[i..]) - new Vector<byte>(above[i..])).CopyTo(difference[i..]);
        }

        for (; i < row.Length; i++)
        {
            difference[i] = (byte)(row[i] - above[i]);
        }
    }

    private static long Room(long bytes) => bytes + (bytes / Growth) + Headers;
}
