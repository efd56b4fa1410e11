using System.Buffers.Binary;
using NetVips;

namespace InferenceServer.Runtime.Decoding;

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
