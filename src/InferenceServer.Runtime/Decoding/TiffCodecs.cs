using System.Buffers;
using System.IO.Compression;
using System.Numerics;
using System.Runtime.InteropServices;
using InferenceServer.Runtime.Buffers;
using ZstdSharp;

namespace InferenceServer.Runtime.Decoding;

/// <summary>The lossless compressions of TIFF, and the predictors that go with them.</summary>
/// <remarks>TIFF 6.0, sections 9, 13 and 14; TIFF Technical Note 3 for floating-point numbers. Damaged data throw <see
/// cref="InvalidDataException"/>.</remarks>
internal static class TiffCodecs
{
    /// <summary>The compression that GDAL calls ZSTD, which libvips does not have.</summary>
    public const int Zstandard = 50000;

    private const int None = 1, Lzw = 5, Deflate = 8, OldDeflate = 32946, PackBits = 32773;
    private const int Clear = 256, End = 257, FirstWidth = 9, LastWidth = 12;
    private const int DrainedAtOnce = 64 * 1024;

    // Writers that forget the end mark of LZW leave some bits that look like codes.
    private const int SpareCodes = 2;

    /// <summary>Whether <see cref="Unpack"/> knows a compression.</summary>
    public static bool Knows(long compression) =>
        compression is None or Lzw or Deflate or OldDeflate or PackBits or Zstandard;

    /// <summary>Decompresses one strip or tile.</summary>
    /// <param name="compression">A compression that <see cref="Knows"/> accepts.</param>
    /// <param name="packed">The bytes in the file.</param>
    /// <param name="pixels">Receives the bytes; every byte is written.</param>
    /// <param name="most">Bytes of a whole strip or tile: some writers fill up the last strip.</param>
    /// <exception cref="InvalidDataException">The data are damaged, or too short.</exception>
    public static void Unpack(long compression, ReadOnlyMemory<byte> packed, Span<byte> pixels, long most)
    {
        switch (compression)
        {
            case Lzw:
                CheckLength(LengthOfLzw(packed.Span, most), pixels.Length, most, SpareCodes);
                UnpackLzw(packed.Span, pixels);
                break;
            case PackBits:
                CheckLength(LengthOfRuns(packed.Span, most), pixels.Length, most);
                UnpackRuns(packed.Span, pixels);
                break;
            case Deflate or OldDeflate:
                UnpackDeflate(packed, pixels, most);
                break;
            case Zstandard:
                UnpackZstandard(packed.Span, pixels, most);
                break;
            default:
                packed.Span[..Math.Min(packed.Length, pixels.Length)].CopyTo(pixels);
                Expect(packed.Length >= pixels.Length);
                break;
        }
    }

    /// <summary>Looks for damage without decompressing more than needed: the checksum of Deflate, and the number of bytes
    /// that LZW and PackBits make. libtiff looks at neither.</summary>
    /// <param name="compression">The compression; nothing is known of those that <see cref="Knows"/> does not accept.</param>
    /// <param name="packed">The bytes in the file.</param>
    /// <param name="length">Bytes of the strip or tile.</param>
    /// <param name="most">Bytes of a whole strip or tile.</param>
    /// <exception cref="InvalidDataException">The data are damaged, or too short.</exception>
    public static void Check(long compression, ReadOnlyMemory<byte> packed, long length, long most)
    {
        switch (compression)
        {
            case Lzw:
                CheckLength(LengthOfLzw(packed.Span, most), length, most, SpareCodes);
                break;
            case PackBits:
                CheckLength(LengthOfRuns(packed.Span, most), length, most);
                break;
            case Deflate or OldDeflate:
                using (ZLibStream zlib = Inflater(packed))
                {
                    CheckLength(Drain(zlib, most), length, most);
                }

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

    private static void UnpackDeflate(ReadOnlyMemory<byte> packed, Span<byte> pixels, long most)
    {
        using ZLibStream zlib = Inflater(packed);
        try
        {
            Expect(zlib.ReadAtLeast(pixels, pixels.Length, throwOnEndOfStream: false) == pixels.Length);
        }
        catch (IOException e) // the class of its own for this case is not public
        {
            throw new InvalidDataException("The data needs a dictionary.", e);
        }

        CheckLength(pixels.Length + Drain(zlib, most), pixels.Length, most);
    }

    private static void UnpackZstandard(ReadOnlySpan<byte> packed, Span<byte> pixels, long most)
    {
        using Decompressor decompressor = new();
        try
        {
            if (decompressor.TryUnwrap(packed, pixels, out int length))
            {
                Expect(length == pixels.Length);
                return;
            }

            Expect(most > pixels.Length && most <= Array.MaxLength);
            using PooledBuffer<byte> whole = new((int)most);
            Expect(decompressor.TryUnwrap(packed, whole.Span, out length) && length == most);
            whole.Span[..pixels.Length].CopyTo(pixels);
        }
        catch (ZstdException e)
        {
            throw new InvalidDataException("Damaged data of a TIFF file.", e);
        }
    }

    private static ZLibStream Inflater(ReadOnlyMemory<byte> packed)
    {
        MemoryMarshal.TryGetArray(packed, out ArraySegment<byte> array);
        return new ZLibStream(new MemoryStream(array.Array!, array.Offset, array.Count, writable: false), CompressionMode.Decompress);
    }

    // Reads to the end of the data, which is where the checksum is compared.
    private static long Drain(ZLibStream zlib, long most)
    {
        byte[] unused = ArrayPool<byte>.Shared.Rent(DrainedAtOnce);
        try
        {
            long length = 0;
            while (length <= most && zlib.Read(unused) is > 0 and int count)
            {
                length += count;
            }

            return length;
        }
        catch (IOException e)
        {
            throw new InvalidDataException("The data needs a dictionary.", e);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(unused);
        }
    }

    private static void CheckLength(long length, long expected, long most, int spare = 0) =>
        Expect((length >= expected && length <= expected + spare) || length == most);

    private static long LengthOfRuns(ReadOnlySpan<byte> packed, long most)
    {
        long length = 0;
        for (int at = 0; at < packed.Length && length <= most;)
        {
            int head = (sbyte)packed[at++];
            if (head >= 0 && at < packed.Length)
            {
                Expect(head < packed.Length - at);
                (at, length) = (at + head + 1, length + head + 1);
            }
            else if (head > sbyte.MinValue && at < packed.Length) // a last byte may fill up a word
            {
                (at, length) = (at + 1, length + 1 - head);
            }
        }

        return length;
    }

    private static long LengthOfLzw(ReadOnlySpan<byte> packed, long most)
    {
        int[] lengths = new int[1 << LastWidth];
        lengths.AsSpan(0, Clear).Fill(1);
        int next = End + 1, width = FirstWidth, at = 0, bits = 0;
        uint window = 0;
        long length = 0;
        while (length <= most)
        {
            for (; bits < width && at < packed.Length; bits += 8)
            {
                window = (window << 8) | packed[at++];
            }

            if (bits < width)
            {
                return length;
            }

            bits -= width;
            int code = (int)(window >> bits) & ((1 << width) - 1);
            if (code == End)
            {
                return length;
            }

            if (code == Clear)
            {
                (next, width) = (End + 1, FirstWidth);
                continue;
            }

            Expect(code < next);
            length += lengths[code];
            if (next < lengths.Length)
            {
                lengths[next++] = lengths[code] + 1;
            }

            if (next >= (1 << width) && width < LastWidth)
            {
                width++;
            }
        }

        return length;
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
