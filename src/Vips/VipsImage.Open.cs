using System.Runtime.InteropServices;
using Vips.Interop;

namespace Vips;

public sealed partial class VipsImage
{
    private const int AccessSequential = 1;   // VipsAccess
    private const int FailOnTruncated = 1;    // VipsFailOn: none 0, truncated 1, error 2, warning 3

    /// <summary>Opens an encoded picture by its content: JPEG, PNG, WebP, GIF, TIFF or AVIF. Reads the header, decodes no pixel.</summary>
    /// <param name="encoded">
    /// The whole file. Not copied: it stays pinned, and must stay unchanged, until this image and all derived from it are disposed.
    /// </param>
    /// <returns>The first frame or page, as it lies in the file.</returns>
    /// <exception cref="VipsException">
    /// No loader knows the content, the format is not one of these, or the header is broken. Damage further on surfaces when the
    /// pixels are pulled; a file that ends early is an error there, not a grey area.
    /// </exception>
    public static unsafe VipsImage OpenEncoded(ReadOnlyMemory<byte> encoded)
    {
        VipsLibrary.Initialize();
        if (encoded.IsEmpty)
        {
            throw new VipsException("There is no data.");   // libvips asserts
        }
        using PinnedMemory pin = new(encoded);
        using GObject source = new(NativeMethods.NewSource(pin.Pointer, (nuint)encoded.Length));
        pin.TieTo(source);

        byte* name = NativeMethods.FindLoader(source);
        using VipsOperation loader = new(Marshal.PtrToStringUTF8((nint)name) ?? throw VipsException.FromErrorBuffer());
        return loader
            .Set("source", source)
            .Set("access", AccessSequential)
            .Set("fail-on", FailOnTruncated)
            .ToImage();
    }

    /// <summary>The libvips class that would open the content, such as "VipsForeignLoadJpegBuffer".</summary>
    /// <param name="encoded">The file, or at least its first few hundred bytes.</param>
    /// <returns>Null when <see cref="OpenEncoded"/> would refuse the format.</returns>
    public static unsafe string? FindLoader(ReadOnlySpan<byte> encoded)
    {
        VipsLibrary.Initialize();
        if (encoded.IsEmpty)
        {
            return null;
        }
        fixed (byte* data = encoded)
        {
            byte* name = NativeMethods.FindLoader(data, (nuint)encoded.Length);
            if (name == null)
            {
                NativeMethods.ClearErrors();
            }
            return Marshal.PtrToStringUTF8((nint)name);
        }
    }

    /// <summary>Wraps pixels that are there already.</summary>
    /// <param name="pixels">
    /// HWC, 8 bits. Not copied: they stay pinned, and must stay unchanged, until this image and all derived from it are disposed.
    /// </param>
    /// <param name="width">Columns, in pixels.</param>
    /// <param name="height">Rows, in pixels.</param>
    /// <param name="bands">1 for grey or labels, 3 for sRGB.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is not positive, bands is neither 1 nor 3, or the lengths disagree.</exception>
    public static unsafe VipsImage FromPixels(ReadOnlyMemory<byte> pixels, int width, int height, int bands)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        if (bands is not (1 or 3))
        {
            throw new ArgumentOutOfRangeException(nameof(bands), bands, "An image has 1 or 3 bands.");
        }
        ArgumentOutOfRangeException.ThrowIfNotEqual(pixels.Length, (long)width * height * bands, nameof(pixels));

        VipsLibrary.Initialize();
        using PinnedMemory pin = new(pixels);
        using VipsImage image = new(NativeMethods.NewImage(pin.Pointer, (nuint)pixels.Length, width, height, bands, VipsBandFormat.Byte));
        pin.TieTo(image);

        // Pixels in memory have no meaning yet.
        VipsInterpretation interpretation = bands == 1 ? VipsInterpretation.Grey : VipsInterpretation.Srgb;
        using VipsOperation copy = new("copy");
        return copy.Set("in", image).Set("interpretation", (int)interpretation).ToImage();
    }
}
