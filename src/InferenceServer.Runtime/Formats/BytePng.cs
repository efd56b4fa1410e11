using System.Buffers;
using System.Buffers.Binary;
using System.IO.Compression;
using InferenceServer.Kernels;

namespace InferenceServer.Runtime.Formats;

/// <summary>PNG of one byte a pixel: shades of grey, or places in a palette.</summary>
/// <remarks>PNG specification, third edition, §11.</remarks>
internal static class BytePng
{
    /// <summary>Colour type of greys.</summary>
    public const byte Grey = 0;

    /// <summary>Colour type of palette indices.</summary>
    public const byte Indexed = 3;

    private static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', (byte)'\r', (byte)'\n', 0x1A, (byte)'\n'];

    public static void Write(
        ReadOnlySpan<byte> samples, ImageSize size, byte colorType, ReadOnlySpan<byte> palette,
        IBufferWriter<byte> output)
    {
        output.Write(Signature);
        Span<byte> header = stackalloc byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, size.Width);
        BinaryPrimitives.WriteInt32BigEndian(header[4..], size.Height);
        header[8] = 8; // bits
        header[9] = colorType;
        header[10..].Clear(); // deflate, the five filters, not interlaced
        PngChunk.Write("IHDR"u8, header, output);
        if (colorType == Indexed)
        {
            PngChunk.Write("PLTE"u8, palette, output);
        }

        using (PngDataStream data = new(output))
        {
            Compress(samples, size, data);
        }

        PngChunk.Write("IEND"u8, [], output);
    }

    private static void Compress(ReadOnlySpan<byte> samples, ImageSize size, PngDataStream data)
    {
        // Masks are long runs: the fastest level compresses them well, and a higher level takes several times as long
        // to save a few bytes.
        using ZLibStream zlib = new(data, CompressionLevel.Fastest, leaveOpen: true);
        int stride = size.Width + 1;
        int rowsAtOnce = Math.Max(1, Math.Min(size.Height, (64 * 1024) / stride));
        byte[] scanlines = ArrayPool<byte>.Shared.Rent(rowsAtOnce * stride);
        for (int top = 0; top < size.Height; top += rowsAtOnce)
        {
            int rows = Math.Min(rowsAtOnce, size.Height - top);
            for (int row = 0; row < rows; row++)
            {
                Span<byte> scanline = scanlines.AsSpan(row * stride, stride);
                scanline[0] = 0; // no filter, as the specification advises for indexed images
                samples.Slice((top + row) * size.Width, size.Width).CopyTo(scanline[1..]);
            }

            zlib.Write(scanlines, 0, rows * stride);
        }

        ArrayPool<byte>.Shared.Return(scanlines);
    }
}
