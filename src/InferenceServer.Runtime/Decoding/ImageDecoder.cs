using System.Buffers.Binary;
using System.ComponentModel.DataAnnotations;
using System.Text;
using InferenceServer.Kernels;
using InferenceServer.Runtime.Buffers;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using NetVips;

namespace InferenceServer.Runtime.Decoding;

/// <summary>Decodes encoded bytes to upright 8-bit sRGB: the limits are checked on the header, and libvips
/// decodes.</summary>
internal sealed class ImageDecoder(IOptions<DecodingOptions> options, ILogger<ImageDecoder>? logger = null)
{
    private const int MostBands = 64;
    private readonly ILogger _logger = logger ?? NullLogger<ImageDecoder>.Instance;

    /// <summary>The limits of an image.</summary>
    public DecodingOptions Limits { get; } = options.Value;

    /// <summary>Decodes one image; of an animation, the first frame.</summary>
    /// <param name="encoded">A whole JPEG, PNG, WebP, TIFF, AVIF or GIF file; the decoder detects the format from the
    /// bytes.</param>
    /// <param name="cancellationToken">Checked between strips of rows.</param>
    /// <returns>The pixels; the caller disposes them.</returns>
    /// <exception cref="SegmentationException">The image is too large, in an unsupported format, truncated or
    /// damaged.</exception>
    public RgbImage Decode(ReadOnlyMemory<byte> encoded, CancellationToken cancellationToken)
    {
        using EncodedImage image = Open(encoded);
        using Owned<RgbImage> pixels = new(new RgbImage(image.Size));
        image.Decode(pixels.Value.Pixels, cancellationToken);
        return pixels.Release();
    }

    /// <summary>Decodes a first image, so that no request waits while libvips loads.</summary>
    /// <exception cref="DllNotFoundException">libvips is not in the program's folder, or cannot start.</exception>
    public void WarmUp()
    {
        Libvips.Start();
        using Image black = Image.Black(16, 16, bands: 3);
        Decode(black.JpegsaveBuffer(), CancellationToken.None).Dispose();
    }

    /// <summary>Reads an image's header and checks the limits; no pixel is decoded.</summary>
    /// <param name="encoded">As for <see cref="Decode"/>; the caller still owns the bytes, which may not change while
    /// the image is in use.</param>
    /// <param name="window">The part of the image that is wanted; null takes it whole. The limits apply to the part where
    /// the format allows to decode it alone.</param>
    /// <param name="affine">Six numbers in GDAL's order in place of those of the file; null takes the file's.</param>
    /// <param name="hasChoices">Whether the request can choose bands, the range of their values and a part of the image: errors
    /// advise it.</param>
    /// <returns>The image; the caller disposes it.</returns>
    /// <exception cref="SegmentationException">The image is too large, in an unsupported format, or damaged, or it does not
    /// have the part.</exception>
    public EncodedImage Open(
        ReadOnlyMemory<byte> encoded, ImageWindow? window = null, IReadOnlyList<double>? affine = null, bool hasChoices = true)
    {
        if (encoded.IsEmpty)
        {
            throw new SegmentationException(
                SegmentationError.UndecodableImage, "Expected the bytes of an encoded image, got an empty image.");
        }

        if (encoded.Length > Limits.MaxBytes)
        {
            throw new SegmentationException(
                SegmentationError.PayloadTooLarge,
                $"Expected an image of at most {Limits.MaxBytes:N0} bytes, got {encoded.Length:N0}; send a smaller one.");
        }

        if (ImageFormat.Of(encoded.Span) is not { } format)
        {
            string got = ImageFormat.IsHeic(encoded.Span) ? "HEIC" : "other bytes";
            throw new SegmentationException(
                SegmentationError.UnsupportedMediaType,
                $"Expected an image in a supported format ({ImageFormat.Names}), got {got}; convert the image.");
        }

        using Owned<EncodedImage> owned = new(new EncodedImage(format, encoded, _logger, hasChoices));
        EncodedImage image = owned.Value;
        if (!image.HasParts)
        {
            CheckSize(image);
        }

        if (window is not null)
        {
            image.Narrow(window.In(image.Size, affine ?? image.Geo?.Affine));
        }

        CheckSize(image);
        CheckBands(image);
        return owned.Release();
    }

    /// <summary>Checks the memory that decoding takes beside the pixels, before a pixel is decoded.</summary>
    /// <exception cref="SegmentationException">The memory is above the limit.</exception>
    public void CheckMemory(long bytes)
    {
        if (bytes > Limits.MaxDecodedBytes)
        {
            throw new SegmentationException(
                SegmentationError.TooManyPixels,
                $"Expected an image that takes at most {Limits.MaxDecodedBytes:N0} bytes of memory to decode, got one that takes " +
                $"{bytes:N0}. Send a smaller image, or a TIFF in small tiles or strips.");
        }
    }

    /// <summary>Checks width and height.</summary>
    /// <param name="size">The image's size.</param>
    /// <param name="remedy">What to do where it is too large.</param>
    /// <exception cref="SegmentationException">The size is above a limit.</exception>
    public void CheckSize(ImageSize size, string remedy = "send a smaller image.")
    {
        if (size.Pixels > Limits.MaxPixels)
        {
            throw new SegmentationException(
                SegmentationError.TooManyPixels,
                $"Expected an image of at most {Limits.MaxPixels:N0} pixels, got {size} = {size.Pixels:N0}; {remedy}");
        }

        if (Math.Max(size.Width, size.Height) > Limits.MaxSide)
        {
            throw new SegmentationException(
                SegmentationError.TooManyPixels,
                $"Expected an image with sides of at most {Limits.MaxSide:N0} pixels, got {size}; {remedy}");
        }
    }

    private void CheckSize(EncodedImage image)
    {
        if (image is { HasParts: true, HasChoices: true })
        {
            CheckSize(image.Size, "send a smaller image, or request a part of it with window or bbox.");
            return;
        }

        CheckSize(image.Size);
    }

    private void CheckBands(EncodedImage image)
    {
        // TIFF allows thousands of samples in a pixel; a limit on width × height does not count them.
        if (image.Bands > MostBands)
        {
            throw new SegmentationException(
                SegmentationError.UndecodableImage,
                $"Expected an image of at most {MostBands} bands, got {image.Bands}; send fewer bands.");
        }

        double bytes = (double)image.Size.Pixels * image.Bands * ((image.Bits + 7) / 8);
        if (bytes > Limits.MaxDecodedBytes)
        {
            string remedy = image.HasChoices ? "fewer bands, or request a part of the image with window or bbox." : "a smaller image.";
            throw new SegmentationException(
                SegmentationError.TooManyPixels,
                $"Expected an image of at most {Limits.MaxDecodedBytes:N0} bytes once it is decoded, got {image.Size} pixels of " +
                $"{image.Bands} bands of {image.Type} = {bytes:N0}; send {remedy}");
        }
    }
}

/// <summary>An image format that the server reads; a file's first bytes show the format.</summary>
/// <param name="MediaType">Media type of the format.</param>
/// <param name="Loader">The operation of libvips that reads the format.</param>
/// <param name="Strictness">The least strict level at which every undecodable part is an error; a stricter level would
/// reject harmless irregularities.</param>
internal sealed record ImageFormat(string MediaType, string Loader, Enums.FailOn Strictness = Enums.FailOn.Error)
{
    private const int MostBrandBytes = 1024;
    private static readonly string[] HeicBrands = ["heic", "heix", "heim", "heis", "hevc", "hevx", "hevm", "hevs"];

    public static readonly ImageFormat Avif = new("image/avif", "heifload_source");
    public static readonly ImageFormat Gif = new("image/gif", "gifload_source", Enums.FailOn.Warning);
    public static readonly ImageFormat Jpeg = new("image/jpeg", "jpegload_source", Enums.FailOn.Warning);
    public static readonly ImageFormat Png = new("image/png", "pngload_source");
    public static readonly ImageFormat Tiff = new("image/tiff", "tiffload_source", Enums.FailOn.Warning);
    public static readonly ImageFormat Webp = new("image/webp", "webpload_source");

    /// <summary>The names of all formats, for error messages.</summary>
    public static string Names { get; } =
        string.Join(", ", ((ImageFormat[])[Avif, Gif, Jpeg, Png, Tiff, Webp]).Select(format => format.MediaType));

    /// <summary>The format of a file; null where no supported format matches.</summary>
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

    /// <summary>Whether a file is HEIC, whose codec may not be distributed freely. The loader of AVIF also recognises
    /// HEIC.</summary>
    public static bool IsHeic(ReadOnlySpan<byte> file) => Brands(file) is [var major, ..] and var brands
        && (brands.Any(HeicBrands.Contains) || major is "mif1" or "msf1");

    // Of an image sequence, the first frame is also an image of its own in the file.
    private static bool IsAvif(ReadOnlySpan<byte> file) => Brands(file) is [var major, .. var others]
        && (major is "avif" or "avis" || (major is "mif1" or "msf1" && others.Any(brand => brand is "avif" or "avis")));

    /// <summary>The brands of a file of the ISO base media format (ISO/IEC 14496-12), the major one first; none for other
    /// files.</summary>
    private static string[] Brands(ReadOnlySpan<byte> file)
    {
        const int Minor = 12; // the version of the major brand, which is no brand
        if (file is not [_, _, _, _, (byte)'f', (byte)'t', (byte)'y', (byte)'p', ..])
        {
            return [];
        }

        List<string> brands = [];
        int end = (int)Math.Clamp(BinaryPrimitives.ReadUInt32BigEndian(file), 8, Math.Min(file.Length, MostBrandBytes));
        for (int at = 8; at <= end - 4; at += 4)
        {
            if (at != Minor)
            {
                brands.Add(Encoding.Latin1.GetString(file.Slice(at, 4)));
            }
        }

        return [.. brands];
    }
}

/// <summary>Limits of one image; section <c>Decoding</c>.</summary>
public sealed class DecodingOptions
{
    /// <summary>Most bytes of an encoded image. Default 64 MiB.</summary>
    [Range(typeof(long), "1024", "1073741824")]
    public long MaxBytes { get; set; } = 64L << 20;

    /// <summary>Most pixels of an image, width × height, checked before a pixel is decoded. Default 100
    /// million.</summary>
    [Range(typeof(long), "1", "700000000")]
    public long MaxPixels { get; set; } = 100_000_000;

    /// <summary>Most pixels of a side. The decoder works on strips as wide as the image. Default
    /// 65,535, the most that JPEG has.</summary>
    [Range(1, 100_000_000)]
    public int MaxSide { get; set; } = 65_535;

    /// <summary>Most bytes of an image once it is decoded: width × height × bands × bytes of a sample; and most bytes that
    /// decoding takes beside the pixels. Both are checked before a pixel is decoded. Default 2 GiB.</summary>
    [Range(typeof(long), "1024", "1099511627776")]
    public long MaxDecodedBytes { get; set; } = 2L << 30;
}

[OptionsValidator]
internal sealed partial class DecodingOptionsValidator : IValidateOptions<DecodingOptions>;
