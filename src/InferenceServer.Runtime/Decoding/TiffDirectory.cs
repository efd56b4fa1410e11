using System.Globalization;
using System.Text;

namespace InferenceServer.Runtime.Decoding;

/// <summary>The first directory of a TIFF file, classic or BigTIFF: the compression of the pixels, and their positions
/// in the file.</summary>
internal sealed class TiffDirectory
{
    private const int NotInFile = -1, MostValues = 65536, MostText = 1 << 20, MostParts = 1 << 22;
    private const int Compression = 259, StripOffsets = 273, StripLengths = 279, TileOffsets = 324, TileLengths = 325;

    // The compressions that the libtiff in the package of libvips was built with, and the server's own.
    private static readonly HashSet<long> Unpacked = [1, 2, 3, 4, 5, 6, 7, 8, 32773, 32946, TiffCodecs.Zstandard, 50001];

    private readonly Dictionary<long, Field> _fields = [];
    private readonly ReadOnlyMemory<byte> _file;
    private readonly bool _bigEndian;
    private readonly int _word;
    private readonly long _start, _end;

    public TiffDirectory(ReadOnlyMemory<byte> file)
    {
        _file = file;
        _bigEndian = file.Span[0] == 'M';
        bool big = file.Span[_bigEndian ? 3 : 2] == 43;
        (int word, int countSize) = big ? (8, 8) : (4, 2);
        _word = word;
        _start = Read(word, word);
        _end = _start + countSize;
        for (long left = Math.Min(Read(_start, countSize), ushort.MaxValue); left > 0; left--, _end += 4 + (2 * word))
        {
            // The unsigned integer types.
            long type = Read(_end + 2, 2);
            int size = type switch { 1 => 1, 3 => 2, 4 => 4, 16 => 8, _ => 0 };
            long count = Read(_end + 4, word);
            long values = _end + 4 + word;
            bool isElsewhere = size > 0 && count > word / size;
            // Readers take the first of two fields with one tag.
            _fields.TryAdd(Read(_end, 2), new Field(type, size, count, isElsewhere ? Read(values, word) : values));
        }
    }

    /// <summary>The whole file.</summary>
    public ReadOnlyMemory<byte> File => _file;

    /// <summary>Whether numbers have their most significant byte first.</summary>
    public bool IsBigEndian => _bigEndian;

    /// <summary>Whether the pixels are in tiles instead of strips.</summary>
    public bool IsTiled => _fields.ContainsKey(TileOffsets);

    /// <summary>The number of the compression; 1 is none.</summary>
    public long Packing => Value(Compression, 1);

    /// <summary>The compression, where neither libvips nor the server can decompress it; null where one can.</summary>
    public string? StrangePacking => Packing switch
    {
        34712 => "34712 (JPEG 2000)",
        34887 => "34887 (LERC)",
        34925 => "34925 (LZMA)",
        50002 => "50002 (JPEG XL)",
        _ => Packing < 0 || Unpacked.Contains(Packing) ? null : Packing.ToString(CultureInfo.InvariantCulture),
    };

    /// <summary>Whether strips or tiles are missing, as GDAL writes all-zero parts; their length is 0.</summary>
    public bool IsSparse => Parts().Any(part => part.Length == 0);

    /// <summary>Whether the file ends before its directory does.</summary>
    public bool IsWithoutDirectory => _start < 0 || _end > _file.Length;

    /// <summary>Why the file is truncated; null where it is whole.</summary>
    public string? Cut
    {
        get
        {
            if (IsWithoutDirectory)
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

    /// <summary>Whether the file has a tag.</summary>
    public bool Has(int tag) => _fields.ContainsKey(tag);

    /// <summary>The first value of a tag of whole numbers; another one where the tag is missing or lies beyond the
    /// file.</summary>
    public long Value(int tag, long missing)
    {
        if (_fields.TryGetValue(tag, out Field field) && Read(field.At, field.Size) is >= 0 and long value)
        {
            return value;
        }

        return missing;
    }

    /// <summary>The values of a tag of whole numbers, as far as they are in the file.</summary>
    public long[] Values(int tag)
    {
        if (!_fields.TryGetValue(tag, out Field field))
        {
            return [];
        }

        List<long> values = [];
        long end = field.At + (Math.Min(field.Count, MostValues) * field.Size);
        for (long at = field.At; at < end && Read(at, field.Size) is >= 0 and long value; at += field.Size)
        {
            values.Add(value);
        }

        return [.. values];
    }

    /// <summary>The values of a tag of 64-bit floating-point numbers; none where the tag is missing, has another type
    /// or lies beyond the file.</summary>
    public double[] Doubles(int tag)
    {
        (long at, int length) = Place(tag, type: 12, sizeof(double), MostValues);
        double[] numbers = new double[length / sizeof(double)];
        for (int i = 0; i < numbers.Length; i++)
        {
            numbers[i] = BitConverter.Int64BitsToDouble(Read(at + ((long)i * sizeof(double)), sizeof(double)));
        }

        return numbers;
    }

    /// <summary>The text of a tag, without its end; null where the tag is missing, has another type or lies beyond the
    /// file.</summary>
    public string? Text(int tag)
    {
        (long at, int length) = Place(tag, type: 2, size: 1, MostText);
        if (length == 0)
        {
            return null;
        }

        return Encoding.UTF8.GetString(_file.Span.Slice((int)at, length).TrimEnd((byte)0));
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
        foreach ((int i, _) in Parts().Index().Where(part => part.Item is { Length: 0, At: not NotInFile }))
        {
            Write(file, at, i, first.At);
            Write(file, length, i, first.Length);
        }

        return file;
    }

    /// <summary>Position and length of each strip or tile; a position may be outside of the file.</summary>
    public IEnumerable<(long At, long Length)> Parts()
    {
        (Field at, Field length) = PartFields();
        (long At, long Length) part = default;
        // The file may end within the lists.
        long count = Math.Min(MostParts, Math.Min(at.Count, length.Count)); // an image has a pixel for each part
        for (long i = 0; i < count && part.Length != NotInFile; i++)
        {
            part = Part(at, length, i);
            yield return part;
        }
    }

    /// <summary>Position and length of one strip or tile, as <see cref="Parts"/> has them; both negative where the lists do not
    /// have it.</summary>
    public (long At, long Length) Part(long index)
    {
        (Field at, Field length) = PartFields();
        if (index >= Math.Min(at.Count, length.Count))
        {
            return (NotInFile, NotInFile);
        }

        return Part(at, length, index);
    }

    private (long At, long Length) Part(Field at, Field length, long index) =>
        (Read(at.At + (index * at.Size), at.Size), Read(length.At + (index * length.Size), length.Size));

    // Only the unsigned integer types have their position from the constructor.
    private (long At, int Length) Place(int tag, long type, int size, int mostValues)
    {
        if (!_fields.TryGetValue(tag, out Field field) || field.Type != type || field.Count < 1 || field.Count > mostValues)
        {
            return default;
        }

        long at = field.At, length = field.Count * size;
        if (length > _word)
        {
            at = Read(at, _word);
        }

        if (at < 0 || at > _file.Length - length)
        {
            return default;
        }

        return (at, (int)length);
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

    private readonly record struct Field(long Type, int Size, long Count, long At);
}
