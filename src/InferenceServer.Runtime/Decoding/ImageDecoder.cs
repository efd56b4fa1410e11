using System.Collections.Frozen;
using InferenceServer.Kernels;
using Microsoft.Extensions.Options;
using Vips;

namespace InferenceServer.Runtime.Decoding;

/// <summary>Encoded bytes to upright 8-bit sRGB: libvips decodes, the limits are checked on the header.</summary>
public sealed class ImageDecoder(IOptions<DecodingOptions> options)
{
    /// <summary>libvips' loaders that are hardened and hold photographs; what another loader recognises is refused.</summary>
    private static readonly FrozenDictionary<string, string> Formats = new Dictionary<string, string>
    {
        ["VipsForeignLoadJpegBuffer"] = "image/jpeg",
        ["VipsForeignLoadPngBuffer"] = "image/png",
        ["VipsForeignLoadWebpBuffer"] = "image/webp",
        ["VipsForeignLoadTiffBuffer"] = "image/tiff",
        ["VipsForeignLoadHeifBuffer"] = "image/avif",
        ["VipsForeignLoadNsgifBuffer"] = "image/gif",
        ["VipsForeignLoadBmpBuffer"] = "image/bmp",
    }.ToFrozenDictionary();

    /// <summary>The limits that images are held to.</summary>
    public DecodingOptions Limits { get; } = options.Value;

    /// <summary>Decodes one image, of an animation the first frame.</summary>
    /// <param name="encoded">A whole JPEG, PNG, WebP, TIFF, AVIF or GIF file; the format is found from the bytes.</param>
    /// <param name="cancellationToken">Checked between strips of rows.</param>
    /// <returns>The pixels, which the caller disposes.</returns>
    /// <exception cref="SegmentationException">Too large, of no supported format, truncated or damaged.</exception>
    public RgbImage Decode(ReadOnlyMemory<byte> encoded, CancellationToken cancellationToken)
    {
        if (encoded.IsEmpty)
        {
            throw new SegmentationException(SegmentationError.UndecodableImage, "The body is empty; send the bytes of an encoded image.");
        }

        if (encoded.Length > Limits.MaxBytes)
        {
            throw new SegmentationException(
                SegmentationError.PayloadTooLarge, $"The image has {encoded.Length:N0} bytes; at most {Limits.MaxBytes:N0} are accepted.");
        }

        if (VipsImage.FindLoader(encoded.Span) is not { } loader || !Formats.TryGetValue(loader, out string? format))
        {
            throw new SegmentationException(
                SegmentationError.UnsupportedMediaType, $"The bytes are no image of a supported format ({string.Join(", ", Formats.Values.Order())}).");
        }

        try
        {
            using VipsImage header = VipsImage.OpenEncoded(encoded);
            Check(new ImageSize(header.Width, header.Height));
            return Read(header, cancellationToken);
        }
        catch (VipsException e)
        {
            throw new SegmentationException(
                SegmentationError.UndecodableImage, $"The {format} could not be decoded, so it is truncated or damaged: {e.Message}", e);
        }
    }

    private void Check(ImageSize size)
    {
        if (size.Pixels > Limits.MaxPixels)
        {
            throw new SegmentationException(
                SegmentationError.TooManyPixels, $"The image has {size} = {size.Pixels:N0} pixels; at most {Limits.MaxPixels:N0} are accepted.");
        }
    }

    private static RgbImage Read(VipsImage header, CancellationToken cancellationToken)
    {
        using VipsImage upright = header.AutoRotate();
        using VipsImage srgb = upright.ToSrgb();
        using VipsImage opaque = srgb.FlattenAlpha(255, 255, 255);
        using VipsImage rgb = opaque.ToRgb8();
        RgbImage image = new(new ImageSize(rgb.Width, rgb.Height));
        try
        {
            rgb.CopyPixelsTo(image.Pixels.Span, cancellationToken);
            return image;
        }
        catch
        {
            image.Dispose();
            throw;
        }
    }
}
