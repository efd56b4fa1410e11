using System.IO.Compression;
using System.Numerics;
using System.Runtime.InteropServices;

namespace InferenceServer.Runtime.Decoding;

/// <summary>The lossless compressions of TIFF, and the predictors that go with them.</summary>
/// <remarks>TIFF 6.0, sections 9, 13 and 14; TIFF Technical Note 3 for floating-point numbers. Damaged data throw <see
/// cref="InvalidDataException"/>.</remarks>
internal static class TiffCodecs
{
    private const int None = 1, Lzw = 5, Deflate = 8, OldDeflate = 32946, PackBits = 32773;
    private const int Clear = 256, End = 257, FirstWidth = 9, LastWidth = 12;

    /// <summary>Whether <see cref="Unpack"/> knows a compression.</summary>
    public static bool Knows(long compression) => compression is None or Lzw or Deflate or OldDeflate or PackBits;

    /// <summary>Decompresses one strip or tile.</summary>
    /// <param name="compression">A compression that <see cref="Knows"/> accepts.</param>
    /// <param name="packed">The bytes in the file.</param>
    /// <param name="pixels">Receives the bytes; every byte is written.</param>
    /// <exception cref="InvalidDataException">The data are damaged, or too short.</exception>
    public static void Unpack(long compression, ReadOnlyMemory<byte> packed, Span<byte> pixels)
    {
        switch (compression)
        {
            case Lzw:
                UnpackLzw(packed.Span, pixels);
                break;
            case PackBits:
                UnpackRuns(packed.Span, pixels);
                break;
            case Deflate or OldDeflate:
                UnpackDeflate(packed, pixels);
                break;
            default:
                packed.Span[..Math.Min(packed.Length, pixels.Length)].CopyTo(pixels);
                Expect(packed.Length >= pixels.Length);
                break;
        }
    }

    /// <summary>Undoes the predictor 2: each sample is the difference to the sample before it in its band.</summary>
    /// <param name="row">A row of samples in this machine's byte order; changed in place.</param>
    /// <param name="stride">Samples of a pixel.</param>
    public static void Accumulate<T>(Span<byte> row, int stride)
        where T : unmanaged, IBinaryInteger<T>
    {
        Span<T> samples = MemoryMarshal.Cast<byte, T>(row);
        for (int i = stride; i < samples.Length; i++)
        {
            samples[i] += samples[i - stride];
        }
    }

    /// <summary>Undoes the predictor 3: differences of bytes, with the most significant bytes of a row first.</summary>
    /// <param name="row">A row of the file; becomes little-endian numbers, in place.</param>
    /// <param name="stride">Samples of a pixel.</param>
    /// <param name="size">Bytes of a sample.</param>
    /// <param name="scratch">As long as the row.</param>
    public static void AccumulateFloats(Span<byte> row, int stride, int size, Span<byte> scratch)
    {
        Accumulate<byte>(row, stride);
        row.CopyTo(scratch);
        int samples = row.Length / size;
        for (int place = 0; place < size; place++)
        {
            for (int i = 0; i < samples; i++)
            {
                row[(i * size) + size - 1 - place] = scratch[(place * samples) + i];
            }
        }
    }

    private static void UnpackDeflate(ReadOnlyMemory<byte> packed, Span<byte> pixels)
    {
        MemoryMarshal.TryGetArray(packed, out ArraySegment<byte> array);
        using MemoryStream stream = new(array.Array!, array.Offset, array.Count, writable: false);
        using ZLibStream zlib = new(stream, CompressionMode.Decompress);
        try
        {
            Expect(zlib.ReadAtLeast(pixels, pixels.Length, throwOnEndOfStream: false) == pixels.Length);
            zlib.ReadByte(); // at the end of the data, which is where the checksum is compared
        }
        catch (IOException e) // the class of its own for this case is not public
        {
            throw new InvalidDataException("The data needs a dictionary.", e);
        }
    }

    private static void UnpackRuns(ReadOnlySpan<byte> packed, Span<byte> pixels)
    {
        int at = 0;
        while (pixels.Length > 0)
        {
            Expect(at < packed.Length);
            int head = (sbyte)packed[at++];
            if (head >= 0)
            {
                Expect(head < packed.Length - at);
                int count = Math.Min(head + 1, pixels.Length);
                packed.Slice(at, count).CopyTo(pixels);
                at += head + 1;
                pixels = pixels[count..];
            }
            else if (head > sbyte.MinValue)
            {
                Expect(at < packed.Length);
                int count = Math.Min(1 - head, pixels.Length);
                pixels[..count].Fill(packed[at++]);
                pixels = pixels[count..];
            }
        }
    }

    private static void UnpackLzw(ReadOnlySpan<byte> packed, Span<byte> pixels)
    {
        // A code above the clear code stands for bytes that were written already: their place, and their number.
        int[] places = new int[1 << LastWidth], lengths = new int[1 << LastWidth];
        int next = End + 1, width = FirstWidth, at = 0, bits = 0, written = 0;
        uint window = 0;
        while (written < pixels.Length)
        {
            for (; bits < width; bits += 8)
            {
                Expect(at < packed.Length);
                window = (window << 8) | packed[at++];
            }

            bits -= width;
            int code = (int)(window >> bits) & ((1 << width) - 1);
            Expect(code != End);
            if (code == Clear)
            {
                (next, width) = (End + 1, FirstWidth);
                continue;
            }

            int start = written;
            if (code < Clear)
            {
                pixels[written++] = (byte)code;
            }
            else
            {
                Expect(code < next);
                // The bytes may overlap those that are being written.
                for (int i = 0; i < lengths[code] && written < pixels.Length; i++)
                {
                    pixels[written++] = pixels[places[code] + i];
                }
            }

            if (next < places.Length)
            {
                // The next code is these bytes and the first byte after them, which is not written yet.
                (places[next], lengths[next]) = (start, written - start + 1);
                next++;
            }

            if (next >= (1 << width) && width < LastWidth)
            {
                width++;
            }
        }
    }

    private static void Expect(bool holds)
    {
        if (!holds)
        {
            throw new InvalidDataException("Damaged data of a TIFF file.");
        }
    }
}
