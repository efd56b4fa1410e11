using System.Buffers;
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
            Tiff.CheckReadable();
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
            using Raster raster = Raster.OfColors(Tiff!, cancellationToken);
            raster.WriteColors(pixels, cancellationToken);
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
