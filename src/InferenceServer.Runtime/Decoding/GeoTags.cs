namespace InferenceServer.Runtime.Decoding;

/// <summary>The georeference of a TIFF file, as its tags have it. Lists are empty and texts are null where the file
/// has no such tag.</summary>
/// <remarks>OGC GeoTIFF 1.1; GDAL's names of its two tags.</remarks>
internal sealed record GeoTags
{
    private const int RasterTypeKey = 1025, GeographicKey = 2048, ProjectedKey = 3072, PixelIsPoint = 2, UserDefined = 32767;
    private const int AngularUnitsKey = 2054, LinearUnitsKey = 3076, Degree = 9102;

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

    /// <summary>Whether the file says that the coordinates are longitude and latitude in degrees.</summary>
    public bool IsInDegrees => IsGeographic && Key(AngularUnitsKey) == Degree;

    /// <summary>Metres in a unit of projected coordinates; null where the file names no unit, or one that is neither a
    /// metre nor a foot.</summary>
    public double? MetresPerUnit => Key(LinearUnitsKey) switch
    {
        9001 => 1,
        9002 => 0.3048,
        9003 => 1200 / 3937.0, // the US survey foot
        _ => null,
    };

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

    /// <summary>The georeference of a part of the image.</summary>
    /// <param name="column">The first column of the part.</param>
    /// <param name="row">The first row of the part.</param>
    public GeoTags Shifted(int column, int row)
    {
        double[] points = [.. Tiepoints], matrix = [.. Transformation];
        for (int i = 0; i + 5 < points.Length; i += 6)
        {
            (points[i], points[i + 1]) = (points[i] - column, points[i + 1] - row);
        }

        if (matrix.Length == 16)
        {
            for (int i = 0; i < 3; i++)
            {
                matrix[(i * 4) + 3] += (matrix[i * 4] * column) + (matrix[(i * 4) + 1] * row);
            }
        }

        return this with { Tiepoints = points, Transformation = matrix };
    }

    /// <summary>Reads the tags of a directory.</summary>
    /// <returns>Null where it has none of the tags.</returns>
    public static GeoTags? Read(TiffDirectory file)
    {
        GeoTags tags = new()
        {
            PixelScale = file.Doubles(33550),
            Tiepoints = file.Doubles(33922),
            Transformation = file.Doubles(34264),
            KeyDirectory = [.. file.Values(KeyDirectoryTag).Select(value => (ushort)value)],
            DoubleParams = file.Doubles(34736),
            AsciiParams = file.Text(AsciiParamsTag),
            Metadata = file.Text(42112),
            Nodata = file.Text(42113),
        };
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
