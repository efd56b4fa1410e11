using System.Globalization;

namespace InferenceServer.Runtime.Decoding;

/// <summary>The first directory of a TIFF file, classic or BigTIFF: the compression of the pixels, and their positions
/// in the file.</summary>
internal sealed class TiffDirectory
{
    private const int NotInFile = -1;
    private const int Compression = 259, StripOffsets = 273, StripLengths = 279, TileOffsets = 324, TileLengths = 325;

    // The compressions that the libtiff in the package of libvips was built with.
    private static readonly HashSet<long> Unpacked = [1, 2, 3, 4, 5, 6, 7, 8, 32773, 32946, 50001];

    private readonly Dictionary<long, Field> _fields = [];
    private readonly ReadOnlyMemory<byte> _file;
    private readonly bool _bigEndian;
    private readonly long _start, _end;

    public TiffDirectory(ReadOnlyMemory<byte> file)
    {
        _file = file;
        _bigEndian = file.Span[0] == 'M';
        bool big = file.Span[_bigEndian ? 3 : 2] == 43;
        (int word, int countSize) = big ? (8, 8) : (4, 2);
        _start = Read(word, word);
        _end = _start + countSize;
        for (long left = Math.Min(Read(_start, countSize), ushort.MaxValue); left > 0; left--, _end += 4 + (2 * word))
        {
            // The unsigned integer types.
            int size = Read(_end + 2, 2) switch { 1 => 1, 3 => 2, 4 => 4, 16 => 8, _ => 0 };
            long count = Read(_end + 4, word);
            long values = _end + 4 + word;
            _fields[Read(_end, 2)] = new Field(size, count, size * count > word ? Read(values, word) : values);
        }
    }

    /// <summary>The compression, where libvips cannot decompress it; null where libvips can.</summary>
    public string? StrangePacking => Packing switch
    {
        34712 => "34712 (JPEG 2000)",
        34887 => "34887 (LERC)",
        34925 => "34925 (LZMA)",
        50000 => "50000 (Zstandard)",
        50002 => "50002 (JPEG XL)",
        _ => Packing < 0 || Unpacked.Contains(Packing) ? null : Packing.ToString(CultureInfo.InvariantCulture),
    };

    /// <summary>Whether strips or tiles are missing, as GDAL writes all-zero parts; their length is 0.</summary>
    public bool IsSparse => Parts().Any(part => part.Length == 0);

    /// <summary>Why the file is truncated; null where it is whole.</summary>
    public string? Cut
    {
        get
        {
            if (_start < 0 || _end > _file.Length)
            {
                return "its directory is missing";
            }

            bool isCut = Parts().Any(part => part.At < 0 || part.Length < 0 || part.At > _file.Length - part.Length);
            if (isCut)
            {
                return "a strip or tile is missing";
            }

            return null;
        }
    }

    private long Packing
    {
        get
        {
            if (_fields.TryGetValue(Compression, out Field packing))
            {
                return Read(packing.At, packing.Size);
            }

            return 1;
        }
    }

    /// <summary>A copy of the file that has the first strip or tile in place of the missing ones; the copy is damaged
    /// where this file is.</summary>
    /// <returns>Null where no strip or tile can replace the missing ones.</returns>
    public byte[]? WithoutGaps()
    {
        (Field at, Field length) = PartFields();
        (int index, (long At, long Length) first) = Parts().Index().FirstOrDefault(part => part.Item.Length > 0);
        // The last strip may have fewer rows.
        if (first.Length == 0 || (index == at.Count - 1 && !_fields.ContainsKey(TileOffsets)))
        {
            return null;
        }

        byte[] file = _file.ToArray();
        foreach ((int i, _) in Parts().Index().Where(part => part.Item.Length == 0))
        {
            Write(file, at, i, first.At);
            Write(file, length, i, first.Length);
        }

        return file;
    }

    private IEnumerable<(long At, long Length)> Parts()
    {
        (Field at, Field length) = PartFields();
        (long At, long Length) part = default;
        // The file may end within the lists.
        for (long i = 0; i < Math.Min(at.Count, length.Count) && part.Length != NotInFile; i++)
        {
            part = (Read(at.At + (i * at.Size), at.Size), Read(length.At + (i * length.Size), length.Size));
            yield return part;
        }
    }

    private (Field At, Field Length) PartFields()
    {
        if (_fields.TryGetValue(TileOffsets, out Field tiles))
        {
            return (tiles, _fields.GetValueOrDefault(TileLengths));
        }

        return (_fields.GetValueOrDefault(StripOffsets), _fields.GetValueOrDefault(StripLengths));
    }

    private long Read(long at, int size)
    {
        if (size == 0 || at < 0 || at > _file.Length - size)
        {
            return NotInFile;
        }

        ReadOnlySpan<byte> bytes = _file.Span.Slice((int)at, size);
        long number = 0;
        for (int i = 0; i < size; i++)
        {
            number = (number << 8) | bytes[_bigEndian ? i : size - 1 - i];
        }

        return number;
    }

    private void Write(Span<byte> file, Field field, int index, long number)
    {
        Span<byte> bytes = file.Slice((int)(field.At + ((long)index * field.Size)), field.Size);
        for (int i = 0; i < field.Size; i++, number >>= 8)
        {
            bytes[_bigEndian ? field.Size - 1 - i : i] = (byte)number;
        }
    }

    private readonly record struct Field(int Size, long Count, long At);
}
