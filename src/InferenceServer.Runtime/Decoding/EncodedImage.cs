using System.Buffers;
using System.Globalization;
using InferenceServer.Kernels;
using InferenceServer.Runtime.Buffers;
using Microsoft.Extensions.Logging;
using NetVips;

namespace InferenceServer.Runtime.Decoding;

/// <summary>An image whose header was read, but not its pixels. The caller disposes the image.</summary>
internal sealed class EncodedImage : IDisposable
{
    private const int FirstSideways = 5; // EXIF orientations 5 to 8 are turned by 90°
    private const int MostColors = 4; // RGB and alpha
    private readonly ImageFormat _format;
    private readonly ReadOnlyMemory<byte> _file;
    private readonly ILogger _logger;
    private readonly TiffDirectory? _tiff;
    private readonly Image? _header; // null where the server's own reader reads the samples
    private MemoryHandle _pin; // not read-only: a copy would be released twice

    /// <exception cref="SegmentationException">The header is damaged.</exception>
    internal EncodedImage(ImageFormat format, ReadOnlyMemory<byte> file, ILogger logger)
    {
        (_format, _file, _logger) = (format, file, logger);
        if (format == ImageFormat.Tiff)
        {
            _tiff = new TiffDirectory(file);
            Tiff = new TiffImage(_tiff);
            if (Tiff.Orientation == 1)
            {
                Geo = GeoTags.Read(_tiff);
            }
        }

        if (Tiff is { IsPhotograph: false })
        {
            if (Tiff.Obstacle() is { } obstacle)
            {
                throw obstacle;
            }

            Size = Turned(Tiff.Size, Tiff.Orientation);
            Bands = Tiff.Samples;
            return;
        }

        _pin = file.Pin();
        try
        {
            // A missing part of a sparse file is zero; a strict reader treats a missing part as an error.
            _header = Libvips.Open(format.Loader, file, _tiff is { IsSparse: true } ? Enums.FailOn.Truncated : format.Strictness);
        }
        catch (VipsException e)
        {
            _pin.Dispose();
            throw Undecodable("", e);
        }

        Size = Turned(new ImageSize(_header.Width, _header.Height), Libvips.Orientation(_header));
        Bands = _header.Bands;
        if (Tiff is { Alpha: null } && Bands > Tiff.Colors)
        {
            // libvips takes the band after the colours for alpha.
            using Image all = _header;
            _header = all.ExtractBand(0, n: Tiff.Colors);
        }
    }

    /// <summary>Width and height of the upright image, as the header states them.</summary>
    public ImageSize Size { get; }

    /// <summary>Bands of a pixel, alpha included.</summary>
    internal int Bands { get; }

    /// <summary>The georeference; null where the file has none, or its pixels are turned by their orientation.</summary>
    public GeoTags? Geo { get; }

    /// <summary>What the samples of a TIFF file are; null for other formats.</summary>
    internal TiffImage? Tiff { get; }

    /// <summary>Bytes that decoding needs beside the pixels of 8 bits.</summary>
    internal long FurtherBytes
    {
        get
        {
            if (_header is null)
            {
                return (Size.Pixels * sizeof(float) * Math.Min(Bands, MostColors)) + Tiff!.BlockBytes;
            }

            if (_header.Format == Enums.BandFormat.Ushort)
            {
                return Size.Pixels * sizeof(ushort) * Bands;
            }

            return 0;
        }
    }

    /// <summary>Width and height of the bands: as they are in the file, without a turn.</summary>
    public ImageSize BandSize => Tiff?.Size ?? new ImageSize(_header!.Width, _header.Height);

    /// <summary>The first bands, which are colours; 0 where the file does not say which bands are.</summary>
    public int Colors
    {
        get
        {
            if (Tiff is null)
            {
                return OpaqueBands;
            }

            return Tiff.IsBands ? 0 : Tiff.Colors;
        }
    }

    /// <summary>Bands without alpha.</summary>
    public int OpaqueBands
    {
        get
        {
            if (Tiff is null && _header!.HasAlpha())
            {
                return Bands - 1;
            }

            return Tiff?.Bands ?? Bands;
        }
    }

    /// <summary>Bytes that <see cref="ReadBands"/> needs beside its result.</summary>
    public long BandBytes => Tiff?.BlockBytes ?? (BandSize.Pixels * Bands * 2);

    /// <summary>Reads bands as they are in the file, without a profile, alpha or a turn; once, and instead of <see
    /// cref="Decode"/>.</summary>
    /// <param name="bands">Indices from 0.</param>
    /// <param name="planes">A plane for each of them, HW, of <see cref="BandSize"/>; every value is written.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>The samples' type, and its largest value where it has one.</returns>
    /// <exception cref="SegmentationException">The image is truncated or damaged, or its samples cannot be
    /// read.</exception>
    public (string Type, double? FullRange) ReadBands(
        IReadOnlyList<int> bands, IReadOnlyList<PooledBuffer<float>> planes, CancellationToken cancellationToken)
    {
        SegmentationException? obstacle = Tiff?.Obstacle();
        if (Tiff is not null && obstacle is null)
        {
            float missing = 0;
            if (Geo?.Nodata is { } text && float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out float nodata))
            {
                missing = nodata; // what GDAL reads where a part is left out
            }

            Tiff.Read(bands, planes, missing, cancellationToken);
            return (Tiff.Type, Tiff.FullRange);
        }

        try
        {
            if (_header!.Format is not (Enums.BandFormat.Uchar or Enums.BandFormat.Ushort) || bands.Any(band => band >= _header.Bands))
            {
                throw obstacle ?? Undecodable(" of an unusual type", new InvalidDataException());
            }

            bool isDeep = _header.Format == Enums.BandFormat.Ushort;
            Libvips.ReadBands(_header, bands, planes, cancellationToken);
            return isDeep ? ("uint16", ushort.MaxValue) : ("uint8", byte.MaxValue);
        }
        catch (VipsException e)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw Undecodable($" of {Size} pixels and {Bands} bands", e);
        }
    }

    /// <summary>Decodes the pixels, once.</summary>
    /// <param name="pixels">Receives the upright image: HWC, RGB, 3 bytes for each of <see cref="Size"/>'s
    /// pixels.</param>
    /// <param name="cancellationToken">Checked between strips of rows.</param>
    /// <exception cref="SegmentationException">The image is truncated or damaged.</exception>
    public void Decode(Memory<byte> pixels, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (_header is null)
        {
            TiffColors.Read(Tiff!, pixels, cancellationToken);
            return;
        }

        try
        {
            if (_tiff is { IsSparse: true } && _tiff.WithoutGaps() is { } whole)
            {
                // This pass only checks the parts that are in the file for damage.
                using MemoryHandle pin = whole.AsMemory().Pin();
                Libvips.Decode(Libvips.Open(_format.Loader, whole, _format.Strictness), pixels, cancellationToken);
            }

            if (_header.Format == Enums.BandFormat.Ushort && Tiff is not { HasOwnRange: true })
            {
                using Image deep = Libvips.Load(_header, cancellationToken);
                (double least, double most) = Libvips.Range(deep);
                SampleRange.Check(ushort.MaxValue, "uint16", least, most);
                Libvips.Decode(deep, pixels, cancellationToken);
                return;
            }

            Libvips.Decode(_header, pixels, cancellationToken);
        }
        catch (VipsException e)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw Undecodable($" of {Size} pixels and {Bands} bands", e);
        }
    }

    /// <summary>Releases the header.</summary>
    public void Dispose()
    {
        _header?.Dispose();
        _pin.Dispose();
    }

    private static ImageSize Turned(ImageSize size, int orientation)
    {
        if (orientation >= FirstSideways)
        {
            return new ImageSize(size.Height, size.Width);
        }

        return size;
    }

    private SegmentationException Undecodable(string header, Exception cause)
    {
        Log.Refused(_logger, cause.Message);
        return Damage.Explain(_format, header, _file.Span, _tiff, cause);
    }
}

/// <summary>A decoded, upright image: 8-bit sRGB, HWC, without alpha. The caller disposes the image.</summary>
internal sealed class RgbImage(ImageSize size) : IDisposable
{
    private readonly PooledBuffer<byte> _pixels = new(checked((int)(size.Pixels * 3)));

    /// <summary>Width and height after the EXIF orientation was applied.</summary>
    public ImageSize Size { get; } = size;

    /// <summary>Red, green, blue, row by row from the top; length 3 × <see cref="ImageSize.Pixels"/>.</summary>
    public Memory<byte> Pixels => _pixels.Memory;

    /// <summary>Returns the pixels to the pool.</summary>
    public void Dispose() => _pixels.Dispose();
}
