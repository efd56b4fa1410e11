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
    private const int FirstMirrored = 2; // EXIF orientation 2 is decoded as it is written
    private const int FirstSideways = 5; // EXIF orientations 5 to 8 are turned by 90°
    private static readonly int[] Shrinks = [8, 4, 2]; // of JPEG's blocks
    private readonly ImageFormat _format;
    private readonly ReadOnlyMemory<byte> _file;
    private readonly ILogger _logger;
    private readonly TiffDirectory? _tiff;
    private readonly TiffSamples? _samples; // null where the server's own reader cannot read them
    private StoppableFile? _passes; // null where the decoder goes from strip to strip, or reads the file at once
    private readonly ImageSize _whole; // as it is in the file, without a window
    private ImageSize _unshrunk; // the size that errors name
    private Image? _header; // null where only the server's own reader can read the samples
    private PixelWindow? _window;
    private MemoryHandle _pin; // not read-only: a copy would be released twice

    /// <exception cref="SegmentationException">The header is damaged.</exception>
    internal EncodedImage(ImageFormat format, ReadOnlyMemory<byte> file, ILogger logger, bool hasChoices)
    {
        (_format, _file, _logger, HasChoices) = (format, file, logger, hasChoices);
        if (format == ImageFormat.Tiff)
        {
            _tiff = new TiffDirectory(file);
            Tiff = new TiffImage(_tiff);
            if (Tiff.Orientation == 1)
            {
                Geo = GeoTags.Read(_tiff);
            }
        }

        SegmentationException? obstacle = Tiff?.Obstacle();
        if (Tiff is not null && obstacle is null)
        {
            _samples = new TiffSamples(_tiff!, Tiff);
        }

        if (Tiff is { IsLibvipsReadable: false })
        {
            if (obstacle is not null)
            {
                throw obstacle;
            }

            Size = Turned(Tiff.Size, Tiff.Orientation);
            Bands = Tiff.Samples;
            return;
        }

        FileLimits.Check(format, file.Span);
        _pin = file.Pin();
        try
        {
            _header = ReadHeader(shrink: 1);
        }
        catch (VipsException e)
        {
            _pin.Dispose();
            throw Undecodable("", e);
        }

        _whole = new ImageSize(_header.Width, _header.Height);
        Size = _unshrunk = Turned(_whole, Libvips.Orientation(_header));
        Bands = _header.Bands;
        _header = Repaired(_header);
        if (Tiff is { Alpha: null } && Tiff.Samples > Tiff.Colors && Bands > Tiff.Colors)
        {
            // libvips takes the band after the colours for alpha. It makes more bands than samples of a palette and of CIELab.
            using Image all = _header;
            _header = all.ExtractBand(0, n: Tiff.Colors);
        }
    }

    /// <summary>Width and height of the upright image, as the header states them; those of the window after <see
    /// cref="Narrow"/>.</summary>
    public ImageSize Size { get; private set; }

    /// <summary>The first pixel of the window in the upright image.</summary>
    public (int X, int Y) Offset { get; private set; }

    /// <summary>Whether <see cref="Narrow"/> was called.</summary>
    public bool IsNarrowed => _window is not null;

    /// <summary>Whether the EXIF orientation turns the pixels.</summary>
    public bool IsTurned => Orientation > 1;

    /// <summary>Whether the request can choose bands, the range of their values and a part of the image: errors advise it.</summary>
    public bool HasChoices { get; }

    /// <summary>Whether a part of the image can be read without the rest.</summary>
    public bool HasParts => Tiff is not null;

    /// <summary>Bits of a sample.</summary>
    public int Bits
    {
        get
        {
            if (Tiff is not null)
            {
                return Tiff.Bits;
            }

            return _header!.Format == Enums.BandFormat.Ushort ? 16 : 8;
        }
    }

    /// <summary>Bands of a pixel, alpha included.</summary>
    internal int Bands { get; }

    /// <summary>The georeference; null where the file has none, or its pixels are turned by their orientation.</summary>
    public GeoTags? Geo { get; private set; }

    /// <summary>What the samples of a TIFF file are; null for other formats.</summary>
    internal TiffImage? Tiff { get; }

    /// <summary>Most bytes that <see cref="Decode"/> takes beside its result.</summary>
    internal long DecodingBytes
    {
        get
        {
            if (_header is null)
            {
                return TiffColors.Bytes(Tiff!, BandWindow);
            }

            int sample = _header.Format == Enums.BandFormat.Ushort ? sizeof(ushort) : 1;
            long bytes = DecodingMemory.OfFile(_format, _file.Span, _whole, Bands * sample, Tiff)
                + DecodingMemory.OfSteps(BandSize, Bands * sample);
            if (sample > 1)
            {
                bytes += Size.Pixels * Bands * sample; // the range of its values is looked at first
            }

            if (Orientation > FirstMirrored)
            {
                bytes += Size.Pixels * RgbImage.Channels;
            }

            return bytes;
        }
    }

    /// <summary>Width and height of the bands: as they are in the file, without a turn.</summary>
    public ImageSize BandSize => BandWindow.Size;

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

    /// <summary>Name of the samples' type, as GDAL and NumPy have it.</summary>
    public string Type => Tiff?.Type ?? $"uint{Bits}";

    /// <summary>The largest value where all values are used; null where the type has no such value.</summary>
    public double? FullRange => Tiff is null ? (1 << Bits) - 1 : Tiff.FullRange;

    private string Header => $" of {_unshrunk} pixels and {Bands} bands";

    private int Orientation => Tiff?.Orientation ?? Libvips.Orientation(_header!);

    // The pixels to read, as they are in the file.
    private PixelWindow BandWindow
    {
        get
        {
            if (_window is { } window)
            {
                return window;
            }

            if (Tiff is not null)
            {
                return PixelWindow.Of(Tiff.Size);
            }

            return PixelWindow.Of(new ImageSize(_header!.Width, _header.Height));
        }
    }

    /// <summary>Limits the image to some of its pixels; before a pixel is read.</summary>
    /// <param name="window">The pixels of the upright image.</param>
    public void Narrow(PixelWindow window)
    {
        PixelWindow stored = window.Unturned(Orientation, Size);
        if (_header is not null)
        {
            using Image all = _header;
            _header = Part(all, stored);
        }

        Size = _unshrunk = window.Size;
        Offset = (window.X, window.Y);
        Geo = Geo?.Shifted(window.X, window.Y);
        _window = stored;
    }

    /// <summary>Has a JPEG shrink while it is decoded; before a pixel is read. Both sides are divided by 8, 4 or 2, without
    /// a rest, so that each pixel stands for a square of as many. Other files, and parts of images, stay as they
    /// are.</summary>
    /// <param name="least">Twice this size remains.</param>
    /// <exception cref="SegmentationException">The header is damaged.</exception>
    public void ShrinkTo(ImageSize least)
    {
        int shrink = Shrinks.FirstOrDefault(s =>
            Size.Width % s == 0 && Size.Height % s == 0 && Size.Width >= 2L * s * least.Width && Size.Height >= 2L * s * least.Height);
        if (_format != ImageFormat.Jpeg || IsNarrowed || shrink == 0)
        {
            return;
        }

        _header!.Dispose();
        _passes?.Dispose();
        try
        {
            _header = ReadHeader(shrink);
        }
        catch (VipsException e)
        {
            throw Undecodable("", e);
        }

        Size = Turned(new ImageSize(_header.Width, _header.Height), Orientation);
    }

    /// <summary>The row after the part of the file that holds a row: bands are read fastest in such steps.</summary>
    /// <param name="row">A row of <see cref="BandSize"/>.</param>
    public int EndOfBlock(int row)
    {
        if (_samples is null)
        {
            return BandSize.Height;
        }

        return Math.Min(Tiff!.EndOfBlock(BandWindow.Y + row) - BandWindow.Y, BandSize.Height);
    }

    /// <summary>Reads rows of bands as they are in the file, without a profile, alpha or a turn; instead of <see
    /// cref="Decode"/>.</summary>
    /// <param name="bands">Indices from 0.</param>
    /// <param name="planes">For each of them the rows, HW; every value is written.</param>
    /// <param name="first">The first row; 0 where <see cref="EndOfBlock"/> is the image's height.</param>
    /// <param name="count">Number of rows; all where <see cref="EndOfBlock"/> is the image's height, which are read
    /// once.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <exception cref="SegmentationException">The image is truncated or damaged, or its samples cannot be
    /// read.</exception>
    public void ReadBands(
        IReadOnlyList<int> bands, IReadOnlyList<Memory<float>> planes, int first, int count, CancellationToken cancellationToken)
    {
        if (_samples is not null)
        {
            float missing = 0;
            if (Geo?.Nodata is { } text && float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out float nodata))
            {
                missing = nodata; // what GDAL reads where a part is left out
            }

            _samples.Read(bands, planes, BandWindow.Rows(first, count), missing, cancellationToken);
            return;
        }

        if (Tiff is { IsConverted: true })
        {
            throw Tiff.Obstacle()!; // libvips gives colours, not the file's samples
        }

        CheckData(cancellationToken);
        try
        {
            if (_header!.Format is not (Enums.BandFormat.Uchar or Enums.BandFormat.Ushort) || bands.Any(band => band >= _header.Bands))
            {
                throw Tiff?.Obstacle() ?? Undecodable(" of an unusual type", new InvalidDataException());
            }

            Libvips.ReadBands(_header, bands, planes, cancellationToken);
        }
        catch (VipsException e)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw Undecodable(Header, e);
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
            new TiffColors(Tiff!, _samples!, BandWindow, HasChoices).Read(pixels, cancellationToken);
            return;
        }

        CheckData(cancellationToken);
        try
        {
            if (_tiff is { IsSparse: true } && _tiff.WithoutGaps() is { } whole)
            {
                // This pass only checks the parts that are in the file for damage.
                using MemoryHandle pin = whole.AsMemory().Pin();
                using Image all = Libvips.Open(_format.Loader, whole, _format.Strictness);
                Libvips.Decode(Part(all, BandWindow), pixels, cancellationToken);
            }

            if (_header.Format == Enums.BandFormat.Ushort && Tiff is not { HasOwnRange: true })
            {
                using Image deep = Libvips.Load(_header, cancellationToken);
                (double least, double most) = Libvips.Range(deep);
                SampleRange.Check(ushort.MaxValue, "uint16", least, most, HasChoices);
                Libvips.Decode(deep, pixels, cancellationToken);
                return;
            }

            Libvips.Decode(_header, pixels, cancellationToken);
        }
        catch (VipsException e)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw Undecodable(Header, e);
        }
    }

    /// <summary>Releases the header.</summary>
    public void Dispose()
    {
        _header?.Dispose();
        _passes?.Dispose();
        _pin.Dispose();
    }

    private Image ReadHeader(int shrink)
    {
        // A missing part of a sparse file is zero; a strict reader treats a missing part as an error.
        Enums.FailOn strictness = Strictness(_tiff is { IsSparse: true });
        if (!DecodingMemory.IsInSeveralPasses(_format, _file.Span))
        {
            return Libvips.Open(_format.Loader, _file, strictness, shrink);
        }

        Libvips.Start();
        _passes = new StoppableFile(_file);
        return Libvips.Open(_format.Loader, _passes, strictness, shrink);
    }

    private Enums.FailOn Strictness(bool isSparse)
    {
        if (isSparse)
        {
            return Enums.FailOn.Truncated;
        }

        // Some cameras write stray bytes between the segments of a header, of which a strict reader warns.
        if (_format == ImageFormat.Jpeg && !FileStructure.HasPlainHeader(_file.Span))
        {
            return Enums.FailOn.Error;
        }

        return _format.Strictness;
    }

    private static Image Part(Image image, PixelWindow window) =>
        image.ExtractArea(window.X, window.Y, window.Width, window.Height);

    private static ImageSize Turned(ImageSize size, int orientation)
    {
        if (orientation >= FirstSideways)
        {
            return new ImageSize(size.Height, size.Width);
        }

        return size;
    }

    // The damage that libvips passes over.
    private void CheckData(CancellationToken cancellationToken)
    {
        _passes?.Cancellation = cancellationToken;
        if (Tiff is not null)
        {
            new TiffSamples(_tiff!, Tiff).Check(BandWindow, cancellationToken);
        }

        if (_format == ImageFormat.Gif && !FileStructure.HasWholeFrame(_file.Span, cancellationToken))
        {
            throw Undecodable(Header, new InvalidDataException("Damaged data of a GIF file."));
        }
    }

    // What libvips leaves to the reader of a format.
    private Image Repaired(Image image)
    {
        if (_format == ImageFormat.Avif && image.HasAlpha() && FileStructure.IsPremultiplied(_file.Span))
        {
            return Libvips.Unpremultiply(image);
        }

        bool isOpaqueGif = _format == ImageFormat.Gif && !image.HasAlpha();
        if (isOpaqueGif && FileStructure.FirstFrame(_file.Span, Size) is { } frame && frame != PixelWindow.Of(Size))
        {
            return Libvips.OnWhite(image, frame);
        }

        return image;
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
    /// <summary>Bytes of a pixel.</summary>
    public const int Channels = 3;

    private readonly PooledBuffer<byte> _pixels = new(checked((int)(size.Pixels * Channels)));

    /// <summary>Width and height after the EXIF orientation was applied.</summary>
    public ImageSize Size { get; } = size;

    /// <summary>Red, green, blue, row by row from the top; length 3 × <see cref="ImageSize.Pixels"/>.</summary>
    public Memory<byte> Pixels => _pixels.Memory;

    /// <summary>Returns the pixels to the pool.</summary>
    public void Dispose() => _pixels.Dispose();
}
