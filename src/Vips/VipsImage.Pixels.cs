using Vips.Interop;

namespace Vips;

public sealed partial class VipsImage
{
    // Enough rows to make the cost of a strip small, few enough for a strip of an ordinary photograph to stay in the cache.
    private const int StripRows = 64;

    /// <summary>Computes the pixels, from the top down, straight into the destination and on the calling thread.</summary>
    /// <param name="destination">HWC, 8 bits: width × height × bands bytes, all of them written.</param>
    /// <param name="cancellationToken">Looked at before each strip of 64 rows.</param>
    /// <exception cref="InvalidOperationException">The image is not of 8 bits; see <see cref="ToRgb8"/>.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The destination has another length.</exception>
    /// <exception cref="VipsException">The pixels cannot be decoded; the destination is then written in part.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled; the destination is then written in part.</exception>
    public unsafe void CopyPixelsTo(Span<byte> destination, CancellationToken cancellationToken = default)
    {
        if (Format != VipsBandFormat.Byte)
        {
            throw new InvalidOperationException($"The pixels are of type {Format}; convert them to {nameof(VipsBandFormat.Byte)} first.");
        }
        int width = Width;
        int height = Height;
        int bands = Bands;
        ArgumentOutOfRangeException.ThrowIfNotEqual(destination.Length, (long)width * height * bands, nameof(destination));

        fixed (byte* pixels = destination)
        {
            // An image over the destination lets libvips write there directly. Nothing else refers to it, so it ends before the pin does.
            using VipsImage target = new(NativeMethods.NewImage(pixels, (nuint)destination.Length, width, height, bands, VipsBandFormat.Byte));
            using GObject to = new(NativeMethods.NewRegion(target));
            using GObject from = new(NativeMethods.NewRegion(this));
            Check(NativeMethods.AttachRegion(to, new VipsRect(0, 0, width, height)));
            for (int top = 0; top < height; top += StripRows)
            {
                cancellationToken.ThrowIfCancellationRequested();
                VipsRect strip = new(0, top, width, Math.Min(StripRows, height - top));
                Check(NativeMethods.PrepareRegion(from, to, in strip, 0, top));
            }
        }
    }

    private static void Check(int status)
    {
        if (status != 0)
        {
            throw VipsException.FromErrorBuffer();
        }
    }
}
