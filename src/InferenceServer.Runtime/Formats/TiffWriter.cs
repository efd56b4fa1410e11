using System.Buffers;
using System.Buffers.Binary;
using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text;
using InferenceServer.Kernels;
using InferenceServer.Runtime.Buffers;

namespace InferenceServer.Runtime.Formats;

/// <summary>Writes TIFF files whose directories all stand before the pixels, and whose last image's pixels stand
/// first: the layout of a Cloud-Optimised GeoTIFF.</summary>
/// <remarks>TIFF 6.0, and BigTIFF where the file would be larger than 4 GB. Not written by libvips, which can write
/// neither tags of its caller's choice nor overviews by majority.</remarks>
internal sealed class TiffWriter
{
    private const int TileOffsets = 324, Alignment = 8;
    private const ushort Long = 4, Long8 = 16;
    private readonly bool _big;
    private readonly int _word = 4, _countSize = 2, _header = 8;
    private readonly ushort _offsetType = Long;

    private TiffWriter(bool big)
    {
        _big = big;
        if (big)
        {
            (_word, _countSize, _header, _offsetType) = (8, 8, 16, Long8);
        }
    }

    /// <summary>Writes a file.</summary>
    /// <param name="images">The image, then its overviews from the largest to the smallest.</param>
    /// <param name="output">Receives the bytes.</param>
    /// <param name="big">Whether the file is a BigTIFF, even if it is small.</param>
    public static void Write(IReadOnlyList<TiledImage> images, IBufferWriter<byte> output, bool big = false)
    {
        TiffWriter file = new(big);
        int head = file._header;
        long data = 0;
        List<int> starts = [];
        foreach (TiledImage image in images)
        {
            starts.Add(head);
            head = Align(head + file.LengthOf(image));
            data += image.Tiles.Length;
        }

        if (!big && head + data > uint.MaxValue)
        {
            Write(images, output, big: true);
            return;
        }

        Span<byte> bytes = output.GetSpan(head)[..head];
        bytes.Clear();
        file.WriteHeader(bytes);
        long end = head + data;
        for (int i = 0; i < images.Count; i++)
        {
            end -= images[i].Tiles.Length;
            file.WriteDirectory(images[i], bytes, starts[i], starts.ElementAtOrDefault(i + 1), end);
        }

        output.Advance(head);
        foreach (TiledImage image in images.Reverse())
        {
            RawEncoder.Write(image.Tiles.Span, output);
        }
    }

    private static int Align(int at) => (at + Alignment - 1) / Alignment * Alignment;

    // The entry, its values where they do not fit into the entry, and the position of the next directory.
    private int LengthOf(TiledImage image)
    {
        int entries = image.Tags.Count + 1;
        int length = Align(_countSize + (entries * (4 + (2 * _word))) + _word);
        return length + Outside(image.TileCount * _word) + image.Tags.Values.Sum(value => Outside(value.Bytes.Length));
    }

    private int Outside(int bytes)
    {
        if (bytes > _word)
        {
            return Align(bytes);
        }

        return 0;
    }

    private void WriteHeader(Span<byte> file)
    {
        "II"u8.CopyTo(file);
        BinaryPrimitives.WriteUInt16LittleEndian(file[2..], 42);
        if (_big)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(file[2..], 43);
            BinaryPrimitives.WriteUInt16LittleEndian(file[4..], 8); // bytes of a position
        }

        WriteWord(file[(_header - _word)..], _header);
    }

    private void WriteDirectory(TiledImage image, Span<byte> file, int start, int next, long data)
    {
        SortedDictionary<ushort, TiffValue> tags = new(image.Tags)
        {
            [TileOffsets] = new TiffValue(_offsetType, image.TileCount, Positions(image, data)),
        };
        WriteWord(file[start..], tags.Count, _countSize);
        int entry = start + _countSize;
        int values = Align(entry + (tags.Count * (4 + (2 * _word))) + _word);
        foreach ((ushort tag, TiffValue value) in tags)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(file[entry..], tag);
            BinaryPrimitives.WriteUInt16LittleEndian(file[(entry + 2)..], value.Type);
            WriteWord(file[(entry + 4)..], value.Count);
            Span<byte> place = file[(entry + 4 + _word)..];
            if (value.Bytes.Length > _word)
            {
                WriteWord(place, values);
                place = file[values..];
                values += Align(value.Bytes.Length);
            }

            value.Bytes.CopyTo(place);
            entry += 4 + (2 * _word);
        }

        WriteWord(file[entry..], next);
    }

    private byte[] Positions(TiledImage image, long at)
    {
        byte[] positions = new byte[image.TileCount * _word];
        for (int i = 0; i < image.TileCount; i++)
        {
            WriteWord(positions.AsSpan(i * _word), at);
            at += image.LengthOfTile(i);
        }

        return positions;
    }

    private void WriteWord(Span<byte> at, long number) => WriteWord(at, number, _word);

    private static void WriteWord(Span<byte> at, long number, int size)
    {
        for (int i = 0; i < size; i++, number >>= 8)
        {
            at[i] = (byte)number;
        }
    }
}

/// <summary>An image of a TIFF file: its tags, and its pixels in compressed tiles.</summary>
/// <param name="size">Size of the image.</param>
/// <param name="side">Side of a tile, a multiple of 16.</param>
internal sealed class TiledImage(ImageSize size, int side) : IDisposable
{
    private const ushort Deflate = 8;
    private readonly PooledBufferWriter _tiles = new();
    private readonly List<uint> _lengths = [];

    /// <summary>All tags except the positions of the tiles.</summary>
    public SortedDictionary<ushort, TiffValue> Tags { get; } = new()
    {
        [256] = TiffValue.Whole((uint)size.Width),
        [257] = TiffValue.Whole((uint)size.Height),
        [259] = TiffValue.Shorts([Deflate]),
        [322] = TiffValue.Whole((uint)side),
        [323] = TiffValue.Whole((uint)side),
    };

    /// <summary>The compressed tiles.</summary>
    public ReadOnlyMemory<byte> Tiles => _tiles.Written;

    /// <summary>Number of tiles.</summary>
    public int TileCount => _lengths.Count;

    /// <summary>Bytes of a compressed tile.</summary>
    public uint LengthOfTile(int index) => _lengths[index];

    /// <summary>Compresses the tiles.</summary>
    /// <param name="band">HW.</param>
    /// <param name="second">The second sample of each pixel, HW; empty where a pixel has one.</param>
    public void AddTiles<T>(ReadOnlySpan<T> band, ReadOnlySpan<T> second)
        where T : unmanaged
    {
        int bands = 1;
        if (!second.IsEmpty)
        {
            bands = 2;
        }

        using PooledBuffer<T> tile = new(side * side * bands);
        using BufferWriterStream stream = new(_tiles);
        for (int top = 0; top < size.Height; top += side)
        {
            for (int left = 0; left < size.Width; left += side)
            {
                tile.Span.Clear(); // beyond the image's border, a tile is zero
                Cut(band, left, top, tile.Span, bands);
                if (bands > 1)
                {
                    Cut(second, left, top, tile.Span[1..], bands);
                }

                long before = stream.Length;
                // Masks are long runs: a higher level takes several times as long to save a few bytes.
                using (ZLibStream zlib = new(stream, CompressionLevel.Fastest, leaveOpen: true))
                {
                    zlib.Write(MemoryMarshal.AsBytes(tile.Span));
                }

                _lengths.Add((uint)(stream.Length - before));
            }
        }

        Tags[325] = TiffValue.Wholes(CollectionsMarshal.AsSpan(_lengths));
    }

    /// <summary>Returns the tiles to the pool.</summary>
    public void Dispose() => _tiles.Dispose();

    private void Cut<T>(ReadOnlySpan<T> samples, int left, int top, Span<T> tile, int bands)
        where T : unmanaged
    {
        int columns = Math.Min(side, size.Width - left), rows = Math.Min(side, size.Height - top);
        for (int y = 0; y < rows; y++)
        {
            ReadOnlySpan<T> row = samples.Slice(((top + y) * size.Width) + left, columns);
            Span<T> target = tile[(y * side * bands)..];
            if (bands == 1)
            {
                row.CopyTo(target);
                continue;
            }

            for (int x = 0; x < row.Length; x++)
            {
                target[x * bands] = row[x];
            }
        }
    }
}

/// <summary>The values of a tag.</summary>
/// <param name="Type">TIFF's number of the type.</param>
/// <param name="Count">Number of values.</param>
/// <param name="Bytes">The values, little-endian.</param>
internal readonly record struct TiffValue(ushort Type, int Count, byte[] Bytes)
{
    /// <summary>16-bit numbers.</summary>
    public static TiffValue Shorts(ReadOnlySpan<ushort> numbers) => new(3, numbers.Length, MemoryMarshal.AsBytes(numbers).ToArray());

    /// <summary>A 32-bit number.</summary>
    public static TiffValue Whole(uint number) => Wholes([number]);

    /// <summary>32-bit numbers.</summary>
    public static TiffValue Wholes(ReadOnlySpan<uint> numbers) => new(4, numbers.Length, MemoryMarshal.AsBytes(numbers).ToArray());

    /// <summary>64-bit floating-point numbers.</summary>
    public static TiffValue Doubles(ReadOnlySpan<double> numbers) => new(12, numbers.Length, MemoryMarshal.AsBytes(numbers).ToArray());

    /// <summary>Text.</summary>
    public static TiffValue Text(string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text + '\0');
        return new TiffValue(2, bytes.Length, bytes);
    }
}
