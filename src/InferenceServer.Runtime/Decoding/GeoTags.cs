using System.Buffers.Binary;
using System.Text;

namespace InferenceServer.Runtime.Decoding;

/// <summary>The georeference of a TIFF file, as its tags have it. Lists are empty and texts are null where the file
/// has no such tag.</summary>
/// <remarks>OGC GeoTIFF 1.1; GDAL's names of its two tags.</remarks>
internal sealed record GeoTags
{
    private const int RasterTypeKey = 1025, GeographicKey = 2048, ProjectedKey = 3072, PixelIsPoint = 2, UserDefined = 32767;

    /// <summary>Number of the tag of <see cref="KeyDirectory"/>.</summary>
    public const ushort KeyDirectoryTag = 34735;

    /// <summary>Number of the tag of <see cref="AsciiParams"/>.</summary>
    public const ushort AsciiParamsTag = 34737;

    /// <summary>Tag 33550: width, height and depth of a pixel.</summary>
    public IReadOnlyList<double> PixelScale { get; init; } = [];

    /// <summary>Tag 33922: column, row, 0 and x, y, z of each tie point.</summary>
    public IReadOnlyList<double> Tiepoints { get; init; } = [];

    /// <summary>Tag 34264: 4 × 4 matrix, row by row.</summary>
    public IReadOnlyList<double> Transformation { get; init; } = [];

    /// <summary>Tag 34735: four numbers for the header and for each key: key, tag, count, value.</summary>
    public IReadOnlyList<ushort> KeyDirectory { get; init; } = [];

    /// <summary>Tag 34736: values of keys.</summary>
    public IReadOnlyList<double> DoubleParams { get; init; } = [];

    /// <summary>Tag 34737: values of keys.</summary>
    public string? AsciiParams { get; init; }

    /// <summary>Tag 42112, GDAL_METADATA: XML.</summary>
    public string? Metadata { get; init; }

    /// <summary>Tag 42113, GDAL_NODATA: a number as text.</summary>
    public string? Nodata { get; init; }

    /// <summary>The tags of numbers, with the number of each.</summary>
    public IEnumerable<(ushort Tag, IReadOnlyList<double> Numbers)> DoubleTags =>
        [(33550, PixelScale), (33922, Tiepoints), (34264, Transformation), (34736, DoubleParams)];

    /// <summary>Whether a tie point is the centre of its pixel instead of its upper left corner.</summary>
    public bool IsPixelPoint => Key(RasterTypeKey) == PixelIsPoint;

    /// <summary>EPSG code of the coordinate reference system; null where the file has none, or describes its own.</summary>
    public int? Epsg
    {
        get
        {
            int code = Key(ProjectedKey) ?? Key(GeographicKey) ?? 0;
            if (code is > 0 and < UserDefined)
            {
                return code;
            }

            return null;
        }
    }

    /// <summary>Whether the coordinates are longitude and latitude.</summary>
    public bool IsGeographic => Key(ProjectedKey) is null && Key(GeographicKey) is not null;

    /// <summary>Whether the file names or describes a coordinate reference system.</summary>
    public bool HasCrs => Key(ProjectedKey) is not null || Key(GeographicKey) is not null;

    /// <summary>Six numbers in GDAL's order that map corners of pixels to map coordinates; null where the tags hold no
    /// affine transform, as with ground control points.</summary>
    public IReadOnlyList<double>? Affine
    {
        get
        {
            double[] numbers;
            if (Transformation is [var a, var b, _, var c, var d, var e, _, var f, ..])
            {
                numbers = [c, a, b, f, d, e];
            }
            else if (PixelScale is [var width, var height, ..] && Tiepoints is [var column, var row, _, var x, var y, _])
            {
                numbers = [x - (column * width), width, 0, y + (row * height), 0, -height];
            }
            else
            {
                return null;
            }

            double half = 0;
            if (IsPixelPoint)
            {
                half = 0.5;
            }

            numbers[0] -= half * (numbers[1] + numbers[2]);
            numbers[3] -= half * (numbers[4] + numbers[5]);
            return numbers;
        }
    }

    /// <summary>The same system with another transform.</summary>
    /// <param name="affine">Six numbers, as <see cref="Affine"/>.</param>
    public GeoTags WithAffine(IReadOnlyList<double> affine)
    {
        double half = 0;
        if (IsPixelPoint)
        {
            half = 0.5;
        }

        double x = affine[0] + (half * (affine[1] + affine[2])), y = affine[3] + (half * (affine[4] + affine[5]));
        return this with
        {
            PixelScale = [],
            Tiepoints = [],
            Transformation = [affine[1], affine[2], 0, x, affine[4], affine[5], 0, y, 0, 0, 0, 0, 0, 0, 0, 1],
        };
    }

    /// <summary>Reads the tags of a file's first directory.</summary>
    /// <param name="file">A whole TIFF or BigTIFF file, of either byte order; it may be damaged.</param>
    /// <returns>Null where the file has none of the tags.</returns>
    public static GeoTags? Read(ReadOnlySpan<byte> file)
    {
        GeoTagReader reader = new(file);
        GeoTags tags = new();
        foreach ((int tag, GeoTagReader.Values values) in reader.Fields())
        {
            tags = tag switch
            {
                33550 => tags with { PixelScale = reader.Doubles(values) },
                33922 => tags with { Tiepoints = reader.Doubles(values) },
                34264 => tags with { Transformation = reader.Doubles(values) },
                KeyDirectoryTag => tags with { KeyDirectory = reader.Shorts(values) },
                34736 => tags with { DoubleParams = reader.Doubles(values) },
                AsciiParamsTag => tags with { AsciiParams = reader.Ascii(values) },
                42112 => tags with { Metadata = reader.Ascii(values) },
                42113 => tags with { Nodata = reader.Ascii(values) },
                _ => tags,
            };
        }

        if (tags.IsEmpty)
        {
            return null;
        }

        return tags;
    }

    private bool IsEmpty => PixelScale.Count + Tiepoints.Count + Transformation.Count + KeyDirectory.Count == 0
        && Metadata is null && Nodata is null;

    // The value of a key that stands in the directory itself, as codes do.
    private int? Key(int wanted)
    {
        for (int i = 4; i + 3 < KeyDirectory.Count; i += 4)
        {
            if (KeyDirectory[i] == wanted && KeyDirectory[i + 1] == 0)
            {
                return KeyDirectory[i + 3];
            }
        }

        return null;
    }
}

/// <summary>Reads values of the first directory of a TIFF file, never beyond the file, and never more of one tag than
/// a georeference has.</summary>
internal readonly ref struct GeoTagReader
{
    private const int Short = 3, Double = 12, Ascii2 = 2, Byte = 1;
    private const int MostFields = 4096, MostValues = 1 << 20;
    private readonly ReadOnlySpan<byte> _file;
    private readonly bool _bigEndian, _big;

    public GeoTagReader(ReadOnlySpan<byte> file)
    {
        _file = file;
        _bigEndian = file is [(byte)'M', ..];
        _big = file is [_, _, 43, 0, ..] or [_, _, 0, 43, ..];
    }

    /// <summary>Type, number and position of a tag's values.</summary>
    public readonly record struct Values(int Type, long Count, long At);

    /// <summary>The directory's tags with their values.</summary>
    public List<(int Tag, Values Values)> Fields()
    {
        (int word, int countSize) = (4, 2);
        if (_big)
        {
            (word, countSize) = (8, 8);
        }

        List<(int Tag, Values Values)> fields = [];
        long start = Number(word, word);
        long count = Math.Min(Number(start, countSize), MostFields);
        for (long i = 0, at = start + countSize; i < count; i++, at += 4 + (2 * word))
        {
            int type = (int)Number(at + 2, 2);
            long values = at + 4 + word;
            long length = Number(at + 4, word);
            if (length is > 0 and <= MostValues && length * SizeOf(type) > word)
            {
                values = Number(values, word);
            }

            fields.Add(((int)Number(at, 2), new Values(type, length, values)));
        }

        return fields;
    }

    /// <summary>The values of a tag of type 12; none where the tag has another type, or lies beyond the file.</summary>
    public double[] Doubles(Values values)
    {
        if (values.Type != Double || !Has(values))
        {
            return [];
        }

        double[] numbers = new double[values.Count];
        for (int i = 0; i < numbers.Length; i++)
        {
            numbers[i] = BitConverter.Int64BitsToDouble(Number(values.At + (8L * i), 8));
        }

        return numbers;
    }

    /// <summary>The values of a tag of type 3; none where the tag has another type, or lies beyond the file.</summary>
    public ushort[] Shorts(Values values)
    {
        if (values.Type != Short || !Has(values))
        {
            return [];
        }

        ushort[] numbers = new ushort[values.Count];
        for (int i = 0; i < numbers.Length; i++)
        {
            numbers[i] = (ushort)Number(values.At + (2L * i), 2);
        }

        return numbers;
    }

    /// <summary>The text of a tag without its end; null where the tag has another type, or lies beyond the
    /// file.</summary>
    public string? Ascii(Values values)
    {
        if (values.Type is Ascii2 or Byte && Has(values))
        {
            return Encoding.UTF8.GetString(_file.Slice((int)values.At, (int)values.Count)).TrimEnd('\0');
        }

        return null;
    }

    private static int SizeOf(int type) => type switch
    {
        Short or 8 => 2,
        4 or 9 or 11 or 13 => 4,
        5 or 10 or Double or 16 or 17 or 18 => 8,
        _ => 1,
    };

    private bool Has(Values values) =>
        values.Count is > 0 and <= MostValues && values.At >= 0 && values.At <= _file.Length - (values.Count * SizeOf(values.Type));

    // -1 beyond the file, which no valid position or count is.
    private long Number(long at, int size)
    {
        if (at < 0 || at > _file.Length - size)
        {
            return -1;
        }

        ReadOnlySpan<byte> bytes = _file.Slice((int)at, size);
        return (size, _bigEndian) switch
        {
            (2, false) => BinaryPrimitives.ReadUInt16LittleEndian(bytes),
            (2, true) => BinaryPrimitives.ReadUInt16BigEndian(bytes),
            (4, false) => BinaryPrimitives.ReadUInt32LittleEndian(bytes),
            (4, true) => BinaryPrimitives.ReadUInt32BigEndian(bytes),
            (_, false) => BinaryPrimitives.ReadInt64LittleEndian(bytes),
            (_, true) => BinaryPrimitives.ReadInt64BigEndian(bytes),
        };
    }
}
