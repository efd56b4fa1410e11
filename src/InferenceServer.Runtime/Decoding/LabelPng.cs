using System.Buffers.Binary;
using System.IO.Compression;
using InferenceServer.Kernels;

namespace InferenceServer.Runtime.Decoding;

/// <summary>A label map as its PNG stores it: the indices, not the colours of a palette.</summary>
/// <param name="Size">Width and height.</param>
/// <param name="Labels">One label for each pixel, HW.</param>
/// <remarks>Not decoded by libvips: image libraries replace indices by their colours, and spread 1, 2 and 4 bits of
/// grey over 0 to 255. PNG specification, third edition, §§5, 9, 11.</remarks>
internal sealed record LabelPng(ImageSize Size, byte[] Labels)
{
    private const int Grey = 0;
    private const int Indexed = 3;
    private const long MaxPixels = 1L << 28;
    private static readonly byte[] Signature = [0x89, (byte)'P', (byte)'N', (byte)'G', (byte)'\r', (byte)'\n', 0x1A, (byte)'\n'];

    /// <summary>Decodes a grey or indexed PNG of at most 8 bits.</summary>
    /// <param name="file">The whole file.</param>
    /// <param name="accept">Looks at the size and throws where it is not wanted, before memory is taken for the
    /// labels.</param>
    /// <exception cref="InvalidDataException">The file is not such a PNG, or damaged.</exception>
    public static LabelPng Decode(ReadOnlySpan<byte> file, Action<ImageSize>? accept = null)
    {
        if (!file.StartsWith(Signature))
        {
            throw new InvalidDataException("Expected a PNG, got another format.");
        }

        ReadOnlySpan<byte> header = [];
        using MemoryStream compressed = new(file.Length);
        try
        {
            for (ReadOnlySpan<byte> rest = file[Signature.Length..]; !rest.IsEmpty;)
            {
                int length = BinaryPrimitives.ReadInt32BigEndian(rest);
                ReadOnlySpan<byte> type = rest.Slice(4, 4);
                ReadOnlySpan<byte> data = rest.Slice(8, length);
                if (type.SequenceEqual("IHDR"u8))
                {
                    header = data;
                }
                else if (type.SequenceEqual("IDAT"u8))
                {
                    compressed.Write(data);
                }

                rest = rest[(length + 12)..];
            }

            compressed.Position = 0;
            return Decode(header, compressed, accept);
        }
        catch (Exception e) when (e is ArgumentOutOfRangeException or IndexOutOfRangeException or EndOfStreamException)
        {
            throw new InvalidDataException("Expected a complete PNG, got a truncated or damaged one.", e);
        }
    }

    private static LabelPng Decode(ReadOnlySpan<byte> header, Stream compressed, Action<ImageSize>? accept)
    {
        ImageSize size = new(
            BinaryPrimitives.ReadInt32BigEndian(header), BinaryPrimitives.ReadInt32BigEndian(header[4..]));
        (int bits, int color, int interlace) = (header[8], header[9], header[12]);
        if (color is not (Grey or Indexed) || bits > 8)
        {
            string found = bits > 8 ? "16-bit values" : "colours";
            throw new InvalidDataException(
                $"Expected class indices, as grey or indexed PNG of at most 8 bits, got {found}.");
        }

        if (interlace != 0)
        {
            throw new InvalidDataException(
                "Expected a PNG without interlacing, got an interlaced one. Save it without interlacing.");
        }

        if (size.Width <= 0 || size.Height <= 0 || size.Pixels > MaxPixels)
        {
            throw new InvalidDataException($"Expected at most {MaxPixels:N0} pixels, got {size}.");
        }

        accept?.Invoke(size);
        byte[] labels = new byte[size.Pixels];
        ReadRows(compressed, size, bits, labels);
        return new LabelPng(size, labels);
    }

    private static void ReadRows(Stream compressed, ImageSize size, int bits, Span<byte> labels)
    {
        using ZLibStream inflated = new(compressed, CompressionMode.Decompress);
        byte[] row = new byte[((size.Width * bits) + 7) / 8];
        byte[] above = new byte[row.Length];
        for (int y = 0; y < size.Height; y++)
        {
            int filter = ReadRow(inflated, row);
            PngFilter.Undo(filter, row, above);
            Unpack(row, bits, labels.Slice(y * size.Width, size.Width));
            (row, above) = (above, row);
        }
    }

    private static int ReadRow(ZLibStream inflated, Span<byte> row)
    {
        try
        {
            int filter = inflated.ReadByte();
            inflated.ReadExactly(row);
            return filter;
        }
        catch (InvalidDataException e)
        {
            throw new EndOfStreamException(e.Message, e); // the data end where they are damaged
        }
    }

    /// <summary>Unpacks a byte; the leftmost pixel is in the highest bits.</summary>
    private static void Unpack(ReadOnlySpan<byte> row, int bits, Span<byte> labels)
    {
        int mask = (1 << bits) - 1;
        for (int x = 0; x < labels.Length; x++)
        {
            int bit = x * bits;
            labels[x] = (byte)((row[bit / 8] >> (8 - bits - (bit % 8))) & mask);
        }
    }
}

/// <summary>The filters of PNG scanlines for pixels of at most one byte (PNG specification, third edition,
/// §9).</summary>
internal static class PngFilter
{
    /// <summary>Restores a scanline in place.</summary>
    /// <param name="filter">The filter's number, 0 to 4.</param>
    /// <param name="row">The filtered bytes.</param>
    /// <param name="above">The restored scanline above; zeros for the first scanline.</param>
    /// <exception cref="InvalidDataException">The filter does not exist.</exception>
    public static void Undo(int filter, Span<byte> row, ReadOnlySpan<byte> above)
    {
        byte left = 0, corner = 0;
        for (int i = 0; i < row.Length; i++)
        {
            int predicted = filter switch
            {
                0 => 0,
                1 => left,
                2 => above[i],
                3 => (left + above[i]) / 2,
                4 => Paeth(left, above[i], corner),
                _ => throw new InvalidDataException($"Expected a filter from 0 to 4, got {filter}."),
            };
            left = row[i] = (byte)(row[i] + predicted);
            corner = above[i];
        }
    }

    /// <summary>The neighbour that is nearest to left + above − corner; the first of equally near neighbours.</summary>
    private static int Paeth(int left, int above, int corner)
    {
        int toLeft = Math.Abs(above - corner);
        int toAbove = Math.Abs(left - corner);
        int toCorner = Math.Abs(left + above - (2 * corner));
        if (toLeft <= toAbove && toLeft <= toCorner)
        {
            return left;
        }

        if (toAbove <= toCorner)
        {
            return above;
        }

        return corner;
    }
}
