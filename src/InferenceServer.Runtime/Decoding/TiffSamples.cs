using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;
using InferenceServer.Kernels;
using InferenceServer.Runtime.Buffers;

namespace InferenceServer.Runtime.Decoding;

/// <summary>Reads samples of any type from a TIFF file as floats: only the strips or tiles under the wanted pixels are
/// decompressed.</summary>
/// <param name="file">The directory of the file.</param>
/// <param name="image">What its samples are; without an <see cref="TiffImage.Obstacle"/>.</param>
internal sealed class TiffSamples(TiffDirectory file, TiffImage image)
{
    private readonly long _across = ((image.Size.Width - 1) / image.Block.Width) + 1;
    private readonly long _down = ((image.Size.Height - 1) / image.Block.Height) + 1;

    /// <summary>Reads some pixels of some bands.</summary>
    /// <param name="bands">Indices of samples.</param>
    /// <param name="planes">For each of them the pixels of <paramref name="window"/>, HW; every value is written. Values
    /// that a float cannot hold are rounded.</param>
    /// <param name="window">The pixels; inside the image.</param>
    /// <param name="missing">The value where the file leaves out a strip or tile.</param>
    /// <param name="cancellationToken">Checked before each strip or tile.</param>
    /// <exception cref="SegmentationException">The file is truncated or damaged.</exception>
    public void Read(
        IReadOnlyList<int> bands, IReadOnlyList<Memory<float>> planes, PixelWindow window, float missing,
        CancellationToken cancellationToken)
    {
        using PooledBuffer<byte> block = new((int)image.BlockBytes);
        using PooledBuffer<byte> scratch = new((int)image.RowBytes);
        try
        {
            foreach (PixelWindow part in PartsUnder(window))
            {
                PixelWindow covered = window.Intersect(part);
                foreach ((int plane, int[] wanted) in PlanesOf(bands))
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    Span<byte> samples = Unpack(plane, part, block.Span);
                    for (int y = covered.Y; y < covered.Bottom; y++)
                    {
                        ReadOnlySpan<byte> row = Row(samples, y - part.Y, scratch.Span);
                        int at = ((y - window.Y) * window.Width) + covered.X - window.X;
                        foreach (int i in wanted)
                        {
                            Write(row, covered.X - part.X, bands[i], missing, planes[i].Span.Slice(at, covered.Width));
                        }
                    }
                }
            }
        }
        catch (InvalidDataException e)
        {
            throw Damaged(e);
        }
    }

    /// <summary>Looks for damage in the strips or tiles under some pixels that another reader decodes.</summary>
    /// <param name="window">The pixels; inside the image.</param>
    /// <param name="cancellationToken">Checked before each strip or tile.</param>
    /// <exception cref="SegmentationException">The file is truncated or damaged.</exception>
    public void Check(PixelWindow window, CancellationToken cancellationToken)
    {
        try
        {
            foreach (PixelWindow part in PartsUnder(window))
            {
                for (int plane = 0; plane < (image.IsPlanar ? image.Samples : 1); plane++)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    // Some old files list no lengths; the other reader guesses them.
                    bool isListed = file.Part(Index(plane, part)) is not { At: < 0, Length: < 0 };
                    ReadOnlyMemory<byte> packed = isListed ? Packed(plane, part) : default;
                    if (!packed.IsEmpty && image.HasKnownBlocks)
                    {
                        TiffCodecs.Check(image.Compression, packed, image.RowBytes * RowsOf(part), image.BlockBytes);
                    }
                }
            }
        }
        catch (InvalidDataException e)
        {
            throw Damaged(e);
        }
    }

    private SegmentationException Damaged(Exception cause)
    {
        string header = $" of {image.Size} pixels and {image.Samples} samples of {image.Type}";
        return Damage.Explain(ImageFormat.Tiff, header, file.File.Span, file, cause);
    }

    // Samples from one pixel to the next within a strip or tile.
    private int Stride => image.IsPlanar ? 1 : image.Samples;

    /// <summary>The strips or tiles that hold some pixel of a window; the last ones reach over the image's edge.</summary>
    private IEnumerable<PixelWindow> PartsUnder(PixelWindow window)
    {
        ImageSize block = image.Block;
        for (int down = window.Y / block.Height; down <= (window.Bottom - 1) / block.Height; down++)
        {
            for (int across = window.X / block.Width; across <= (window.Right - 1) / block.Width; across++)
            {
                yield return new PixelWindow(across * block.Width, down * block.Height, block.Width, block.Height);
            }
        }
    }

    /// <summary>The planes of the file that hold the bands, and which of the bands each plane holds.</summary>
    private IEnumerable<(int Plane, int[] Wanted)> PlanesOf(IReadOnlyList<int> bands)
    {
        if (image.IsPlanar)
        {
            return bands.Index().GroupBy(band => band.Item, band => band.Index).Select(group => (group.Key, group.ToArray()));
        }

        return [(0, [.. Enumerable.Range(0, bands.Count)])];
    }

    /// <summary>Decompresses a strip or tile.</summary>
    /// <returns>Its bytes, as they are in the file; empty where the file leaves it out.</returns>
    private Span<byte> Unpack(int plane, PixelWindow tile, Span<byte> block)
    {
        ReadOnlyMemory<byte> packed = Packed(plane, tile);
        if (packed.IsEmpty)
        {
            return [];
        }

        Span<byte> samples = block[..(int)(image.RowBytes * RowsOf(tile))];
        TiffCodecs.Unpack(image.Compression, packed, samples, image.BlockBytes);
        return samples;
    }

    // The last strip may have fewer rows, but no tile has.
    private int RowsOf(PixelWindow tile) => file.IsTiled ? tile.Height : Math.Min(tile.Height, image.Size.Height - tile.Y);

    private long Index(int plane, PixelWindow tile) =>
        (((plane * _down) + (tile.Y / tile.Height)) * _across) + (tile.X / tile.Width);

    /// <summary>The bytes of a strip or tile in the file; none where the file leaves it out.</summary>
    private ReadOnlyMemory<byte> Packed(int plane, PixelWindow tile)
    {
        (long at, long length) = file.Part(Index(plane, tile));
        // A part that is left out has neither a place nor a length.
        bool isLost = length == 0 && at != 0;
        if (at < 0 || length < 0 || isLost || at > file.File.Length - length)
        {
            throw new InvalidDataException("A strip or tile is not in the file.");
        }

        return file.File.Slice((int)at, (int)length);
    }

    /// <summary>A row of a strip or tile as numbers of this machine, its predictor undone; once for each row.</summary>
    private ReadOnlySpan<byte> Row(Span<byte> samples, int index, Span<byte> scratch)
    {
        if (samples.IsEmpty)
        {
            return [];
        }

        Span<byte> row = samples.Slice((int)(index * image.RowBytes), (int)image.RowBytes);
        Restore(row, scratch);
        return row;
    }

    private void Write(ReadOnlySpan<byte> row, int column, int band, float missing, Span<float> target)
    {
        if (row.IsEmpty)
        {
            target.Fill(missing);
            return;
        }

        ToFloats(row, (column * Stride) + (band % Stride), Stride, target);
    }

    private void Restore(Span<byte> row, Span<byte> scratch)
    {
        bool isPredicted = image.Compression != 1;
        if (isPredicted && image.Predictor == TiffImage.FloatingPoint)
        {
            TiffCodecs.AccumulateFloats(row, image.IsPlanar ? 1 : image.Samples, image.Bits / 8, scratch);
            return;
        }

        if (file.IsBigEndian)
        {
            Reverse(row);
        }

        if (!isPredicted || image.Predictor != TiffImage.Horizontal)
        {
            return;
        }

        int stride = image.IsPlanar ? 1 : image.Samples;
        switch (image.Bits)
        {
            case 8:
                TiffCodecs.Accumulate<byte>(row, stride);
                break;
            case 16:
                TiffCodecs.Accumulate<ushort>(row, stride);
                break;
            case 32:
                TiffCodecs.Accumulate<uint>(row, stride);
                break;
            default:
                TiffCodecs.Accumulate<ulong>(row, stride);
                break;
        }
    }

    private void Reverse(Span<byte> row)
    {
        switch (image.Bits)
        {
            case 16:
                Span<ushort> shorts = MemoryMarshal.Cast<byte, ushort>(row);
                BinaryPrimitives.ReverseEndianness(shorts, shorts);
                break;
            case 32:
                Span<uint> words = MemoryMarshal.Cast<byte, uint>(row);
                BinaryPrimitives.ReverseEndianness(words, words);
                break;
            case 64:
                Span<ulong> longs = MemoryMarshal.Cast<byte, ulong>(row);
                BinaryPrimitives.ReverseEndianness(longs, longs);
                break;
        }
    }

    private void ToFloats(ReadOnlySpan<byte> row, int first, int stride, Span<float> target)
    {
        switch (image.Format, image.Bits)
        {
            case (TiffImage.Unsigned, 8):
                Copy<byte>(row, first, stride, target);
                break;
            case (TiffImage.Unsigned, 16):
                Copy<ushort>(row, first, stride, target);
                break;
            case (TiffImage.Unsigned, 32):
                Copy<uint>(row, first, stride, target);
                break;
            case (TiffImage.Unsigned, 64):
                Copy<ulong>(row, first, stride, target);
                break;
            case (TiffImage.Signed, 8):
                Copy<sbyte>(row, first, stride, target);
                break;
            case (TiffImage.Signed, 16):
                Copy<short>(row, first, stride, target);
                break;
            case (TiffImage.Signed, 32):
                Copy<int>(row, first, stride, target);
                break;
            case (TiffImage.Signed, 64):
                Copy<long>(row, first, stride, target);
                break;
            case (TiffImage.Floating, 16):
                Copy<Half>(row, first, stride, target);
                break;
            case (TiffImage.Floating, 32):
                Copy<float>(row, first, stride, target);
                break;
            case (TiffImage.Floating, 64):
                Copy<double>(row, first, stride, target);
                break;
            default:
                CopyBits(row, first, stride, target);
                break;
        }
    }

    private static void Copy<T>(ReadOnlySpan<byte> row, int first, int stride, Span<float> target)
        where T : unmanaged, INumber<T>
    {
        ReadOnlySpan<T> samples = MemoryMarshal.Cast<byte, T>(row);
        for (int i = 0, at = first; i < target.Length; i++, at += stride)
        {
            target[i] = float.CreateTruncating(samples[at]);
        }
    }

    // The most significant bit of a byte comes first, in files of both byte orders.
    private void CopyBits(ReadOnlySpan<byte> row, int first, int stride, Span<float> target)
    {
        for (int i = 0; i < target.Length; i++)
        {
            long at = (first + ((long)i * stride)) * image.Bits;
            uint value = 0;
            for (int bit = 0; bit < image.Bits; bit++, at++)
            {
                value = (value << 1) | ((uint)(row[(int)(at >> 3)] >> (7 - (int)(at & 7))) & 1);
            }

            target[i] = value;
        }
    }
}
