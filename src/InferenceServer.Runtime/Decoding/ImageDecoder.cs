using System.Buffers.Binary;
using InferenceServer.Kernels;
using InferenceServer.Runtime.Buffers;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using NetVips;

namespace InferenceServer.Runtime.Decoding;

/// <summary>Encoded bytes to upright 8-bit sRGB: libvips decodes, the limits are checked on the header.</summary>
internal sealed class ImageDecoder(IOptions<DecodingOptions> options, ILogger<ImageDecoder>? logger = null)
{
    private const int MostBands = 5;
    private readonly ILogger _logger = logger ?? NullLogger<ImageDecoder>.Instance;

    /// <summary>The limits that images are held to.</summary>
    public DecodingOptions Limits { get; } = options.Value;

    /// <summary>Decodes one image, of an animation the first frame.</summary>
    /// <param name="encoded">A whole JPEG, PNG, WebP, TIFF, AVIF or GIF file; the format is found from the
    /// bytes.</param>
    /// <param name="cancellationToken">Checked between strips of rows.</param>
    /// <returns>The pixels, which the caller disposes.</returns>
    /// <exception cref="SegmentationException">Too large, of no supported format, truncated or damaged.</exception>
    public RgbImage Decode(ReadOnlyMemory<byte> encoded, CancellationToken cancellationToken)
    {
        using EncodedImage image = Open(encoded);
        using Owned<RgbImage> pixels = new(new RgbImage(image.Size));
        image.Decode(pixels.Value.Pixels, cancellationToken);
        return pixels.Release();
    }

    /// <summary>Decodes a first image, so that no request waits until libvips is loaded.</summary>
    /// <exception cref="DllNotFoundException">libvips is not beside the program, or cannot start.</exception>
    public void WarmUp()
    {
        Libvips.Start();
        using Image black = Image.Black(16, 16, bands: 3);
        Decode(black.JpegsaveBuffer(), CancellationToken.None).Dispose();
    }

    /// <summary>Reads one image's header and holds it to the limits; no pixel is decoded yet.</summary>
    /// <param name="encoded">As for <see cref="Decode"/>; stays the caller's, and may not change while the image is in
    /// use.</param>
    /// <returns>The image, which the caller disposes.</returns>
    /// <exception cref="SegmentationException">Too large, of no supported format, or damaged.</exception>
    public EncodedImage Open(ReadOnlyMemory<byte> encoded)
    {
        if (encoded.IsEmpty)
        {
            throw new SegmentationException(
                SegmentationError.UndecodableImage, "The image is empty; expected the bytes of an encoded image.");
        }

        if (encoded.Length > Limits.MaxBytes)
        {
            throw new SegmentationException(
                SegmentationError.PayloadTooLarge, $"The image has {encoded.Length:N0} bytes; at most {Limits.MaxBytes:N0} are accepted.");
        }

        if (ImageFormat.Of(encoded.Span) is not { } format)
        {
            throw new SegmentationException(
                SegmentationError.UnsupportedMediaType, $"The bytes are no image of a supported format ({ImageFormat.Names}).");
        }

        using Owned<EncodedImage> image = new(new EncodedImage(format, encoded, _logger));
        Check(image.Value.Size, image.Value.Bands);
        return image.Release();
    }

    private void Check(ImageSize size, int bands)
    {
        if (size.Pixels > Limits.MaxPixels)
        {
            throw new SegmentationException(
                SegmentationError.TooManyPixels,
                $"The image has {size} = {size.Pixels:N0} pixels; at most {Limits.MaxPixels:N0} are accepted.");
        }

        // TIFF allows thousands of samples a pixel, which no limit on width × height would see.
        if (bands > MostBands)
        {
            throw new SegmentationException(
                SegmentationError.UndecodableImage,
                $"The image has {bands} channels; at most {MostBands} (CMYK and alpha) make an image.");
        }
    }
}

/// <summary>A format that the server reads, told by a file's first bytes.</summary>
/// <param name="MediaType">Its name.</param>
/// <param name="Loader">The operation of libvips that reads it.</param>
/// <param name="Strictness">The least at which whatever cannot be unpacked is an error; stricter would refuse harmless
/// oddities.</param>
internal sealed record ImageFormat(string MediaType, string Loader, Enums.FailOn Strictness = Enums.FailOn.Error)
{
    public static readonly ImageFormat Avif = new("image/avif", "heifload_source");
    public static readonly ImageFormat Gif = new("image/gif", "gifload_source", Enums.FailOn.Warning);
    public static readonly ImageFormat Jpeg = new("image/jpeg", "jpegload_source");
    public static readonly ImageFormat Png = new("image/png", "pngload_source");
    public static readonly ImageFormat Tiff = new("image/tiff", "tiffload_source", Enums.FailOn.Warning);
    public static readonly ImageFormat Webp = new("image/webp", "webpload_source");

    /// <summary>The names of all formats, for messages.</summary>
    public static string Names { get; } =
        string.Join(", ", ((ImageFormat[])[Avif, Gif, Jpeg, Png, Tiff, Webp]).Select(format => format.MediaType));

    /// <summary>The format of a file; null where it is none of these.</summary>
    public static ImageFormat? Of(ReadOnlySpan<byte> file) => file switch
    {
        [0xFF, 0xD8, 0xFF, ..] => Jpeg,
        [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A, ..] => Png,
        [(byte)'R', (byte)'I', (byte)'F', (byte)'F', _, _, _, _, (byte)'W', (byte)'E', (byte)'B', (byte)'P', ..] => Webp,
        [(byte)'G', (byte)'I', (byte)'F', (byte)'8', (byte)'7' or (byte)'9', (byte)'a', ..] => Gif,
        [(byte)'I', (byte)'I', 42 or 43, 0, ..] or [(byte)'M', (byte)'M', 0, 42 or 43, ..] => Tiff,
        [_, _, _, _, (byte)'f', (byte)'t', (byte)'y', (byte)'p', ..] when IsAvif(file) => Avif,
        _ => null,
    };

    // The loader of AVIF recognises HEIC, too, but its codec is not free to ship.
    private static bool IsAvif(ReadOnlySpan<byte> file)
    {
        ReadOnlySpan<byte> brands = file[8..(int)Math.Clamp(BinaryPrimitives.ReadUInt32BigEndian(file), 8, file.Length)];
        bool general = brands.StartsWith("mif1"u8) || brands.StartsWith("msf1"u8);
        return brands.StartsWith("avif"u8) || (general && brands.IndexOf("avif"u8) > 0);
    }
}
