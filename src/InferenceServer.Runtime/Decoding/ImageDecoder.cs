using System.Collections.Frozen;
using InferenceServer.Kernels;
using Microsoft.Extensions.Options;
using Vips;

namespace InferenceServer.Runtime.Decoding;

/// <summary>Encoded bytes to upright 8-bit sRGB: libvips decodes, the limits are checked on the header.</summary>
public sealed class ImageDecoder(IOptions<DecodingOptions> options)
{
    private const int MostBands = 5;

    /// <summary>libvips' loaders that are hardened and hold photographs; what another loader recognises is refused.</summary>
    private static readonly FrozenDictionary<string, string> Formats = new Dictionary<string, string>
    {
        ["VipsForeignLoadJpegBuffer"] = "image/jpeg",
        ["VipsForeignLoadPngBuffer"] = "image/png",
        ["VipsForeignLoadWebpBuffer"] = "image/webp",
        ["VipsForeignLoadTiffBuffer"] = "image/tiff",
        ["VipsForeignLoadHeifBuffer"] = "image/avif",
        ["VipsForeignLoadNsgifBuffer"] = "image/gif",
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
        using EncodedImage image = Open(encoded);
        return image.Decode(cancellationToken);
    }

    /// <summary>Reads one image's header and holds it to the limits; no pixel is decoded yet.</summary>
    /// <param name="encoded">As for <see cref="Decode"/>; stays the caller's, and may not change while the image is in use.</param>
    /// <returns>The image, which the caller disposes.</returns>
    /// <exception cref="SegmentationException">Too large, of no supported format, or damaged.</exception>
    public EncodedImage Open(ReadOnlyMemory<byte> encoded)
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

        if (VipsImage.FindLoader(encoded.Span) is not { } loader || !Formats.TryGetValue(loader, out string? format) || IsHeic(encoded.Span))
        {
            throw new SegmentationException(
                SegmentationError.UnsupportedMediaType, $"The bytes are no image of a supported format ({string.Join(", ", Formats.Values.Order())}).");
        }

        VipsImage header = EncodedImage.Guard(format, () => VipsImage.OpenEncoded(encoded));
        try
        {
            Check(header);
            return new EncodedImage(header, format);
        }
        catch
        {
            header.Dispose();
            throw;
        }
    }

    // The loader of AVIF recognises HEIC, too, but its codec is not free to ship.
    private static bool IsHeic(ReadOnlySpan<byte> encoded) => encoded.Length >= 12 && encoded[4..8].SequenceEqual("ftyp"u8) && (encoded[8..11].SequenceEqual("hei"u8) || encoded[8..11].SequenceEqual("hev"u8));

    private void Check(VipsImage header)
    {
        ImageSize size = new(header.Width, header.Height);
        if (size.Pixels > Limits.MaxPixels)
        {
            throw new SegmentationException(
                SegmentationError.TooManyPixels, $"The image has {size} = {size.Pixels:N0} pixels; at most {Limits.MaxPixels:N0} are accepted.");
        }

        // TIFF allows thousands of samples a pixel, which no limit on width × height would see.
        if (header.Bands > MostBands)
        {
            throw new SegmentationException(SegmentationError.UndecodableImage, $"The image has {header.Bands} channels; at most {MostBands} (CMYK and alpha) make a photograph.");
        }
    }
}
