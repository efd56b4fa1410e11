using InferenceServer.Kernels;

namespace InferenceServer.Runtime.Decoding;

/// <summary>The first image of a TIFF file: what its samples are, and which decoder reads them.</summary>
/// <remarks>TIFF 6.0, BigTIFF, and the tags of DNG. libvips reads greys and colours of 8 and 16 bits; it
/// gives wrong pixels for other samples, or none.</remarks>
internal sealed class TiffImage
{
    /// <summary>Sample formats of tag 339.</summary>
    public const int Unsigned = 1, Signed = 2, Floating = 3;

    /// <summary>Predictors of tag 317.</summary>
    public const int Horizontal = 2, FloatingPoint = 3;

    private const int WhiteIsZero = 0, BlackIsZero = 1, Rgb = 2, Palette = 3, Cmyk = 5, YCbCr = 6, Lab = 8;
    private const int Planes = 2, Undefined = 4;
    private const int DngVersion = 50706, FillOrder = 266, ExtraSamples = 338, IccProfile = 34675;

    // Padding of the last tiles is no more than this for files that programs write.
    private const long FreeBytes = 64 << 20;

    private readonly TiffDirectory _file;
    private readonly long _photometric;

    /// <param name="file">The directory of the file.</param>
    /// <exception cref="SegmentationException">The file has no image that can be read, and the message says
    /// why.</exception>
    public TiffImage(TiffDirectory file)
    {
        _file = file;
        if (file.IsWithoutDirectory)
        {
            throw Damage.Explain(ImageFormat.Tiff, "", file.File.Span, file, cause: null);
        }

        CheckKind(file);
        Size = new ImageSize((int)Math.Min(file.Value(256, 0), int.MaxValue), (int)Math.Min(file.Value(257, 0), int.MaxValue));
        Samples = (int)Math.Clamp(file.Value(277, 1), 1, ushort.MaxValue);
        long[] bits = file.Values(258);
        Bits = (int)Math.Clamp(bits.FirstOrDefault(1), 0, 128);
        Format = file.Value(339, Unsigned);
        Format = Format == Undefined ? Unsigned : Format;
        Compression = file.Packing;
        Predictor = file.Value(317, 1);
        _photometric = file.Value(262, -1);
        IsPlanar = Samples > 1 && file.Value(284, 1) == Planes;
        Orientation = (int)file.Value(274, 1) is >= 1 and <= 8 and int orientation ? orientation : 1;
        Colors = _photometric switch
        {
            Rgb or YCbCr or Lab => 3,
            Cmyk => 4,
            _ => 1,
        };
        long[] extras = file.Values(ExtraSamples);
        int alpha = Array.FindIndex(extras, kind => kind is 1 or 2);
        Alpha = alpha >= 0 && Colors + alpha < Samples ? Colors + alpha : null;
        IsPremultiplied = Alpha is not null && extras[alpha] == 1;
        Block = file.IsTiled
            ? new ImageSize((int)Math.Min(file.Value(322, 0), int.MaxValue), (int)Math.Min(file.Value(323, 0), int.MaxValue))
            : new ImageSize(Size.Width, (int)Math.Min(file.Value(278, Size.Height), Size.Height));
        CheckValues(bits, file.Values(339));
    }

    /// <summary>Width and height as they are in the file, before any turn.</summary>
    public ImageSize Size { get; }

    /// <summary>Samples of a pixel: colours, alpha and other bands.</summary>
    public int Samples { get; }

    /// <summary>Samples that are the colour of a pixel; the first ones.</summary>
    public int Colors { get; }

    /// <summary>Index of the sample that the file calls alpha; null where it calls none so.</summary>
    public int? Alpha { get; }

    /// <summary>Whether the colours were multiplied with alpha.</summary>
    public bool IsPremultiplied { get; }

    /// <summary>Sample format: <see cref="Unsigned"/>, <see cref="Signed"/>, <see cref="Floating"/>, or one that is not
    /// read.</summary>
    public long Format { get; }

    /// <summary>Bits of a sample.</summary>
    public int Bits { get; }

    /// <summary>Number of the compression; 1 is none.</summary>
    public long Compression { get; }

    /// <summary>Number of the predictor; 1 is none.</summary>
    public long Predictor { get; }

    /// <summary>Whether each band has strips or tiles of its own.</summary>
    public bool IsPlanar { get; }

    /// <summary>Whether the pixels are in tiles instead of strips.</summary>
    public bool IsTiled => _file.IsTiled;

    /// <summary>Width and height of a strip or tile.</summary>
    public ImageSize Block { get; }

    /// <summary>EXIF orientation, 1 to 8.</summary>
    public int Orientation { get; }

    /// <summary>Whether the samples are no colours, but bands that the file does not explain.</summary>
    public bool IsBands => _photometric is WhiteIsZero or BlackIsZero && Bands > 1;

    /// <summary>Samples without alpha.</summary>
    public int Bands
    {
        get
        {
            if (Alpha is null)
            {
                return Samples;
            }

            return Samples - 1;
        }
    }

    /// <summary>Whether the smallest value is white.</summary>
    public bool IsInverted => _photometric == WhiteIsZero;

    /// <summary>Whether 16 bits are colours whose range is known, so that the file need not use all of it.</summary>
    public bool HasOwnRange => _photometric is Cmyk or Lab;

    /// <summary>Whether libvips makes colours of other samples: of indices into a palette, and of CIELab.</summary>
    public bool IsConverted => _photometric is Palette or Lab;

    /// <summary>The samples' type in the words of GDAL and NumPy.</summary>
    public string Type
    {
        get
        {
            string kind = Format switch
            {
                Signed => "int",
                Floating => "float",
                _ => "uint",
            };
            return kind + Bits;
        }
    }

    /// <summary>The largest value where all values are used; null where the type has no such value.</summary>
    public double? FullRange
    {
        get
        {
            if (Format == Unsigned && Bits <= 32)
            {
                return Math.Pow(2, Bits) - 1;
            }

            return null;
        }
    }

    /// <summary>Whether libvips decodes the image right, once bands after the colours are dropped.</summary>
    public bool IsLibvipsReadable
    {
        get
        {
            if (Compression == TiffCodecs.Zstandard)
            {
                return false;
            }

            bool isPlain = Format == Unsigned && (Bits is 8 or 16 || (Bits is 1 or 2 or 4 && Samples == 1));
            int extras = Samples - Colors;
            bool isDeclared = _file.Has(ExtraSamples); // libtiff warns of bands that are not
            bool isLaidOut = !IsPlanar || !(_file.IsTiled || Bits == 16);
            return _photometric switch
            {
                WhiteIsZero or BlackIsZero => isPlain && isLaidOut && (extras == 0 || (extras == 1 && Alpha is not null)),
                Rgb => isPlain && isLaidOut && (extras == 0 || (extras == 1 && isDeclared)),
                Palette => isPlain && isLaidOut && Bits <= 8 && extras == 0,
                Cmyk => isPlain && isLaidOut && extras <= 1,
                Lab => isPlain && isLaidOut && extras == 0 && Bits == 16,
                YCbCr => Compression is 6 or 7 && isLaidOut,
                _ => false,
            };
        }
    }

    /// <summary>Whether the file says what its colours look like, which only libvips understands.</summary>
    public bool HasProfile => _file.Has(IccProfile);

    /// <summary>Bytes of a strip or tile.</summary>
    public long BlockBytes => (long)Math.Min((double)RowBytes * Block.Height, long.MaxValue / 2);

    /// <summary>Bytes of a row of a strip or tile.</summary>
    public long RowBytes => (((long)Block.Width * (IsPlanar ? 1 : Samples) * Bits) + 7) / 8;

    /// <summary>The row after the strip or row of tiles that holds a row.</summary>
    public int EndOfBlock(int row) => (int)Math.Min((((long)row / Block.Height) + 1) * Block.Height, Size.Height);

    /// <summary>Whether the bytes of each strip or tile are known before it is decompressed: subsampled colours have
    /// fewer.</summary>
    public bool HasKnownBlocks => _photometric != YCbCr && _file.Value(FillOrder, 1) == 1 && Compression != 1;

    /// <summary>Why <see cref="TiffSamples"/> cannot read the samples; null where it can.</summary>
    public SegmentationException? Obstacle()
    {
        if (_photometric is not (WhiteIsZero or BlackIsZero or Rgb))
        {
            string remedy = _photometric == YCbCr ? "without JPEG compression" : $"of {Samples} samples of {Type}";
            return Unsupported(
                $"has the photometric interpretation {Name(_photometric)} {remedy}, which the server does not read. " +
                "Save the image as RGB.");
        }

        if (!TiffCodecs.Knows(Compression))
        {
            return Unsupported(
                $"has {Samples} samples of {Type} with compression {Compression}, which the server reads for greys and colours of 8 bits " +
                $"only. {Convert}");
        }

        bool isWhole = Bits is 8 or 16 or 32 or 64;
        bool isKnown = Format switch
        {
            Unsigned => isWhole || Bits is >= 1 and < 32,
            Signed => isWhole,
            Floating => Bits is 16 or 32 or 64,
            _ => false,
        };
        bool isPredicted = Predictor switch
        {
            1 => true,
            Horizontal => isWhole,
            FloatingPoint => Format == Floating,
            _ => false,
        };
        if (!isKnown || _file.Value(FillOrder, 1) != 1)
        {
            return Unsupported($"has samples of sample format {Format} with {Bits} bits, which the server does not read. {Convert}");
        }

        if (Compression != 1 && !isPredicted)
        {
            return Unsupported($"has predictor {Predictor} with samples of {Type}, which the server does not read. {Convert}");
        }

        double across = ((Size.Width - 1) / Block.Width) + 1, down = ((Size.Height - 1) / Block.Height) + 1;
        double all = BlockBytes * across * down;
        if (across * down * Samples > int.MaxValue)
        {
            return new SegmentationException(
                SegmentationError.UndecodableImage,
                $"The image/tiff of {Size} pixels has strips or tiles of {Block} pixels, more of them than a file can list. {Convert}");
        }

        double image = (double)RowBytes / Block.Width * Size.Pixels;
        if (BlockBytes > Array.MaxLength || all > (4 * image) + FreeBytes)
        {
            return new SegmentationException(
                SegmentationError.UndecodableImage,
                $"The image/tiff of {Size} pixels has strips or tiles of {Block} pixels, which are too large for it. {Convert}");
        }

        return null;
    }

    private static string Convert => "Convert it, for instance with gdal_translate -co COMPRESS=DEFLATE.";

    private static void CheckKind(TiffDirectory file)
    {
        if (file.Has(DngVersion))
        {
            throw Unsupported("is a camera's raw file (DNG), which the server does not develop. Send the developed image.");
        }

        if ((file.Value(254, 0) & 1) != 0 || file.Value(255, 1) == 2)
        {
            throw Unsupported(
                "begins with a reduced image: a preview, with the image itself elsewhere in the file. Save the image alone.");
        }

        if (file.StrangePacking is { } packing)
        {
            throw Unsupported($"uses compression {packing}, which the server cannot decompress. {Convert}");
        }
    }

    private void CheckValues(long[] bits, long[] formats)
    {
        if (Size.Width < 1 || Size.Height < 1 || Block.Width < 1 || Block.Height < 1 || Bits < 1)
        {
            // The tags may lie behind the end of the file.
            throw Damage.Explain(ImageFormat.Tiff, "", _file.File.Span, _file, cause: null);
        }

        if (bits.Distinct().Count() > 1 || formats.Distinct().Count() > 1)
        {
            throw Unsupported(
                $"has samples of different types ({string.Join(", ", bits.Take(8))} bits), which the server does not read. {Convert}");
        }

        if (_photometric < 0)
        {
            throw Unsupported($"does not say what its samples mean: tag 262 is missing. {Convert}");
        }
    }

    private static string Name(long photometric) => photometric switch
    {
        Palette => "palette (3)",
        4 => "transparency mask (4)",
        Cmyk => "CMYK (5)",
        YCbCr => "YCbCr (6)",
        Lab => "CIELab (8)",
        32803 => "colour filter array (32803)",
        34892 => "linear raw (34892)",
        _ => photometric.ToString(System.Globalization.CultureInfo.InvariantCulture),
    };

    private static SegmentationException Unsupported(string what) =>
        new(SegmentationError.UnsupportedMediaType, $"The image/tiff {what}");
}
