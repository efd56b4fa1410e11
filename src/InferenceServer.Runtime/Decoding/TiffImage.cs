using System.Buffers.Binary;
using System.Runtime.InteropServices;
using InferenceServer.Kernels;
using InferenceServer.Runtime.Buffers;

namespace InferenceServer.Runtime.Decoding;

/// <summary>The first image of a TIFF file: what its samples are, who decodes them, and a reader of samples of any
/// type.</summary>
/// <remarks>TIFF 6.0, BigTIFF, and the tags of DNG. libvips reads photographs; it gives wrong pixels for other samples,
/// or none.</remarks>
internal sealed class TiffImage
{
    private const int WhiteIsZero = 0, BlackIsZero = 1, Rgb = 2, Palette = 3, Cmyk = 5, YCbCr = 6, Lab = 8;
    private const int Unsigned = 1, Signed = 2, Floating = 3, Undefined = 4;
    private const int Planes = 2, Horizontal = 2, FloatingPoint = 3;
    private const int DngVersion = 50706, FillOrder = 266, ExtraSamples = 338;

    // Padding of the last tiles is no more than this for files that programs write.
    private const long FreeBytes = 64 << 20;

    private readonly TiffDirectory _file;
    private readonly long _format, _compression, _predictor, _photometric;
    private readonly bool _isPlanar;
    private readonly int _bits;
    private readonly ImageSize _block;

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
        _bits = (int)Math.Clamp(bits.FirstOrDefault(1), 0, 128);
        _format = file.Value(339, Unsigned);
        _format = _format == Undefined ? Unsigned : _format;
        _compression = file.Packing;
        _predictor = file.Value(317, 1);
        _photometric = file.Value(262, -1);
        _isPlanar = Samples > 1 && file.Value(284, 1) == Planes;
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
        _block = file.IsTiled
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

    /// <summary>The samples' type in the words of GDAL and NumPy.</summary>
    public string Type
    {
        get
        {
            string kind = _format switch
            {
                Signed => "int",
                Floating => "float",
                _ => "uint",
            };
            return kind + _bits;
        }
    }

    /// <summary>The largest value where all values are used; null where the type has no such value.</summary>
    public double? FullRange
    {
        get
        {
            if (_format == Unsigned && _bits <= 32)
            {
                return Math.Pow(2, _bits) - 1;
            }

            return null;
        }
    }

    /// <summary>Whether libvips decodes the image right, once bands after the colours are dropped.</summary>
    public bool IsPhotograph
    {
        get
        {
            bool isPlain = _format == Unsigned && (_bits is 8 or 16 || (_bits is 1 or 2 or 4 && Samples == 1));
            int extras = Samples - Colors;
            bool isDeclared = _file.Has(ExtraSamples); // libtiff warns of bands that are not
            bool isLaidOut = !_isPlanar || !(_file.IsTiled || _bits == 16);
            return _photometric switch
            {
                WhiteIsZero or BlackIsZero => isPlain && isLaidOut && (extras == 0 || (extras == 1 && Alpha is not null)),
                Rgb => isPlain && isLaidOut && (extras == 0 || (extras == 1 && isDeclared)),
                Palette => isPlain && isLaidOut && _bits <= 8,
                Cmyk => isPlain && isLaidOut && extras <= 1,
                Lab => isPlain && isLaidOut,
                YCbCr => _compression is 6 or 7 && isLaidOut,
                _ => false,
            };
        }
    }

    /// <summary>Bytes that <see cref="Read"/> needs beside its result.</summary>
    public long BlockBytes => (long)Math.Min((double)RowBytes * _block.Height, long.MaxValue / 2);

    private long RowBytes => (((long)_block.Width * (_isPlanar ? 1 : Samples) * _bits) + 7) / 8;

    private int Across => ((Size.Width - 1) / _block.Width) + 1;

    private int Down => ((Size.Height - 1) / _block.Height) + 1;

    /// <summary>Why <see cref="Read"/> cannot read the samples; null where it can.</summary>
    public SegmentationException? Obstacle()
    {
        if (_photometric is not (WhiteIsZero or BlackIsZero or Rgb))
        {
            string remedy = _photometric == YCbCr ? "without JPEG compression" : $"of {Samples} samples of {Type}";
            return Unsupported(
                $"has the photometric interpretation {Name(_photometric)} {remedy}, which the server does not read. " +
                "Save the image as RGB.");
        }

        if (!TiffCodecs.Knows(_compression))
        {
            return Unsupported(
                $"has {Samples} samples of {Type} with compression {_compression}, which the server reads for photographs of 8 bits " +
                $"only. {Convert}");
        }

        bool isWhole = _bits is 8 or 16 or 32 or 64;
        bool isKnown = _format switch
        {
            Unsigned => isWhole || _bits is >= 1 and < 32,
            Signed => isWhole,
            Floating => _bits is 16 or 32 or 64,
            _ => false,
        };
        bool isPredicted = _predictor switch
        {
            1 => true,
            Horizontal => isWhole,
            FloatingPoint => _format == Floating,
            _ => false,
        };
        if (!isKnown || _file.Value(FillOrder, 1) != 1)
        {
            return Unsupported($"has samples of sample format {_format} with {_bits} bits, which the server does not read. {Convert}");
        }

        if (_compression != 1 && !isPredicted)
        {
            return Unsupported($"has predictor {_predictor} with samples of {Type}, which the server does not read. {Convert}");
        }

        double all = (double)BlockBytes * Across * Down;
        double image = (double)RowBytes / _block.Width * Size.Pixels;
        if (BlockBytes > Array.MaxLength || all > (4 * image) + FreeBytes)
        {
            return new SegmentationException(
                SegmentationError.UndecodableImage,
                $"The image/tiff of {Size} pixels has strips or tiles of {_block} pixels, which are too large for it. {Convert}");
        }

        return null;
    }

    /// <summary>Reads bands.</summary>
    /// <param name="bands">Indices of samples.</param>
    /// <param name="planes">A plane for each of them, HW; every value is written. Values that a float cannot hold are
    /// rounded.</param>
    /// <param name="missing">The value where the file leaves out a strip or tile.</param>
    /// <param name="cancellationToken">Checked before each strip or tile.</param>
    /// <exception cref="SegmentationException">The file is truncated or damaged.</exception>
    public void Read(
        IReadOnlyList<int> bands, IReadOnlyList<PooledBuffer<float>> planes, float missing, CancellationToken cancellationToken)
    {
        long perPlane = (long)Across * Down;
        long count = perPlane;
        int stride = Samples;
        if (_isPlanar)
        {
            (count, stride) = (perPlane * Samples, 1);
        }

        (long At, long Length)[] parts = [.. _file.Parts().Take((int)Math.Min(count, int.MaxValue))];
        using PooledBuffer<byte> block = new((int)BlockBytes);
        using PooledBuffer<byte> scratch = new((int)RowBytes);
        try
        {
            for (long part = 0; part < count; part++)
            {
                int sample = (int)(part / perPlane);
                if (_isPlanar && !bands.Contains(sample))
                {
                    continue;
                }

                cancellationToken.ThrowIfCancellationRequested();
                (int left, int top) = ((int)(part % perPlane % Across) * _block.Width, (int)(part % perPlane / Across) * _block.Height);
                int rows = Math.Min(_block.Height, Size.Height - top);
                Span<byte> pixels = block.Span[..(int)(RowBytes * (_file.IsTiled ? _block.Height : rows))];
                bool isThere = Unpack(parts, part, pixels);
                for (int row = 0; row < rows; row++)
                {
                    Span<byte> samples = pixels.Slice((int)(row * RowBytes), (int)RowBytes);
                    if (isThere)
                    {
                        Restore(samples, scratch.Span);
                    }

                    for (int i = 0; i < bands.Count; i++)
                    {
                        if (_isPlanar && bands[i] != sample)
                        {
                            continue;
                        }

                        int columns = Math.Min(_block.Width, Size.Width - left);
                        Span<float> target = planes[i].Span.Slice(((top + row) * Size.Width) + left, columns);
                        if (isThere)
                        {
                            ToFloats(samples, bands[i] % stride, stride, target);
                        }
                        else
                        {
                            target.Fill(missing);
                        }
                    }
                }
            }
        }
        catch (InvalidDataException e)
        {
            string header = $" of {Size} pixels and {Samples} samples of {Type}";
            throw Damage.Explain(ImageFormat.Tiff, header, _file.File.Span, _file, e);
        }
    }

    private static string Convert => "Convert it, for instance with gdal_translate -co COMPRESS=DEFLATE.";

    /// <returns>False for a part that the file leaves out.</returns>
    private bool Unpack((long At, long Length)[] parts, long part, Span<byte> pixels)
    {
        if (part >= parts.Length || parts[part].At < 0 || parts[part].Length < 0
            || parts[part].At > _file.File.Length - parts[part].Length)
        {
            throw new InvalidDataException("A strip or tile is not in the file.");
        }

        (long at, long length) = parts[part];
        if (length == 0)
        {
            return false;
        }

        TiffCodecs.Unpack(_compression, _file.File.Slice((int)at, (int)length), pixels);
        return true;
    }

    /// <summary>Bytes of a row to numbers of this machine, and the predictor undone.</summary>
    private void Restore(Span<byte> row, Span<byte> scratch)
    {
        bool isPredicted = _compression != 1;
        if (isPredicted && _predictor == FloatingPoint)
        {
            TiffCodecs.AccumulateFloats(row, _isPlanar ? 1 : Samples, _bits / 8, scratch);
            return;
        }

        if (_file.IsBigEndian)
        {
            Reverse(row);
        }

        if (!isPredicted || _predictor != Horizontal)
        {
            return;
        }

        int stride = _isPlanar ? 1 : Samples;
        switch (_bits)
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
        switch (_bits)
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
        switch (_format, _bits)
        {
            case (Unsigned, 8):
                Copy<byte>(row, first, stride, target);
                break;
            case (Unsigned, 16):
                Copy<ushort>(row, first, stride, target);
                break;
            case (Unsigned, 32):
                Copy<uint>(row, first, stride, target);
                break;
            case (Unsigned, 64):
                Copy<ulong>(row, first, stride, target);
                break;
            case (Signed, 8):
                Copy<sbyte>(row, first, stride, target);
                break;
            case (Signed, 16):
                Copy<short>(row, first, stride, target);
                break;
            case (Signed, 32):
                Copy<int>(row, first, stride, target);
                break;
            case (Signed, 64):
                Copy<long>(row, first, stride, target);
                break;
            case (Floating, 16):
                Copy<Half>(row, first, stride, target);
                break;
            case (Floating, 32):
                Copy<float>(row, first, stride, target);
                break;
            case (Floating, 64):
                Copy<double>(row, first, stride, target);
                break;
            default:
                CopyBits(row, first, stride, target);
                break;
        }
    }

    private static void Copy<T>(ReadOnlySpan<byte> row, int first, int stride, Span<float> target)
        where T : unmanaged, System.Numerics.INumber<T>
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
            long at = (first + ((long)i * stride)) * _bits;
            uint value = 0;
            for (int bit = 0; bit < _bits; bit++, at++)
            {
                value = (value << 1) | ((uint)(row[(int)(at >> 3)] >> (7 - (int)(at & 7))) & 1);
            }

            target[i] = value;
        }
    }

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
        if (Size.Width < 1 || Size.Height < 1 || _block.Width < 1 || _block.Height < 1 || _bits < 1)
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
