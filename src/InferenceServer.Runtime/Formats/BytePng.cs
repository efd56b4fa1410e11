using System.Buffers;
using System.Buffers.Binary;
using System.IO.Compression;
using InferenceServer.Kernels;

namespace InferenceServer.Runtime.Formats;

/// <summary>PNG of one sample a pixel: shades of grey, or places in a palette.</summary>
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
        IBufferWriter<byte> output, int bytesPerSample = 1)
    {
        output.Write(Signature);
        Span<byte> header = stackalloc byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, size.Width);
        BinaryPrimitives.WriteInt32BigEndian(header[4..], size.Height);
        header[8] = (byte)(8 * bytesPerSample); // bits
        header[9] = colorType;
        header[10..].Clear(); // deflate, the five filters, not interlaced
        PngChunk.Write("IHDR"u8, header, output);
        if (colorType == Indexed)
        {
            PngChunk.Write("PLTE"u8, palette, output);
        }

        using (PngDataStream data = new(output))
        {
            Compress(samples, size.Width * bytesPerSample, data);
        }

        PngChunk.Write("IEND"u8, [], output);
    }

    private static void Compress(ReadOnlySpan<byte> samples, int rowBytes, PngDataStream data)
    {
        // Masks are long runs: the fastest level compresses them well, and a higher level takes several times as long
        // to save a few bytes.
        using ZLibStream zlib = new(data, CompressionLevel.Fastest, leaveOpen: true);
        int stride = rowBytes + 1, height = samples.Length / rowBytes;
        int rowsAtOnce = Math.Max(1, Math.Min(height, (64 * 1024) / stride));
        byte[] scanlines = ArrayPool<byte>.Shared.Rent(rowsAtOnce * stride);
        for (int top = 0; top < height; top += rowsAtOnce)
        {
            int rows = Math.Min(rowsAtOnce, height - top);
            for (int row = 0; row < rows; row++)
            {
                Span<byte> scanline = scanlines.AsSpan(row * stride, stride);
                scanline[0] = 0; // no filter, as the specification advises for indexed images
                samples.Slice((top + row) * rowBytes, rowBytes).CopyTo(scanline[1..]);
            }

            zlib.Write(scanlines, 0, rows * stride);
        }

        ArrayPool<byte>.Shared.Return(scanlines);
    }
}
