using InferenceServer.Kernels;
using Vips;

namespace InferenceServer.Runtime.Decoding;

/// <summary>An image whose header was read and whose pixels were not. Whoever holds it disposes it.</summary>
public sealed class EncodedImage : IDisposable
{
    private const int FirstSideways = 5; // EXIF: 5 to 8 lie on their side
    private readonly VipsImage _header;
    private readonly string _format;

    internal EncodedImage(VipsImage header, string format)
    {
        _header = header;
        _format = format;
    }

    /// <summary>Width and height of the upright photograph, as the header states them.</summary>
    public ImageSize Size => _header.Orientation >= FirstSideways ? new(_header.Height, _header.Width) : new(_header.Width, _header.Height);

    /// <summary>Decodes the pixels, once.</summary>
    /// <param name="cancellationToken">Checked between strips of rows.</param>
    /// <returns>The upright photograph, which the caller disposes.</returns>
    /// <exception cref="SegmentationException">Truncated or damaged.</exception>
    public RgbImage Decode(CancellationToken cancellationToken) => Guard(_format, () => Read(cancellationToken));

    /// <summary>Lets go of the header.</summary>
    public void Dispose() => _header.Dispose();

    /// <summary>Turns what libvips complains about into an error of the caller's.</summary>
    internal static T Guard<T>(string format, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (VipsException e)
        {
            throw new SegmentationException(
                SegmentationError.UndecodableImage, $"The {format} could not be decoded, so it is truncated or damaged: {e.Message}", e);
        }
    }

    private RgbImage Read(CancellationToken cancellationToken)
    {
        // Turned last: that may copy the picture, which then has three bytes a pixel and not eight or more.
        using VipsImage srgb = _header.ToSrgb();
        using VipsImage opaque = srgb.FlattenAlpha(255, 255, 255);
        using VipsImage rgb = opaque.ToRgb8();
        using VipsImage upright = rgb.AutoRotate();
        cancellationToken.ThrowIfCancellationRequested();
        RgbImage image = new(new ImageSize(upright.Width, upright.Height));
        try
        {
            upright.CopyPixelsTo(image.Pixels.Span, cancellationToken);
            return image;
        }
        catch
        {
            image.Dispose();
            throw;
        }
    }
}
