using System.Numerics;

namespace InferenceServer.Kernels.Coloring;

/// <summary>Blends the colours of a label map over an image.</summary>
/// <remarks>
/// Computes in fixed point, so that every machine gives the same bytes: with a = round(256 · alpha), each byte becomes
/// (image · (256 − a) + colour · a + 128) / 256, rounded down. Alpha 0 gives the image and alpha 1 the colours,
/// exactly.
/// </remarks>
public static class OverlayBlender
{
    private const int Channels = 3;

    /// <summary>Pixels whose colours lie on the stack between look-up and blend.</summary>
    private const int BlockPixels = 1024;

    /// <summary>Blends one image.</summary>
    /// <param name="rgb">The image: HWC, red first.</param>
    /// <param name="labels">Labels of the pixels, HW.</param>
    /// <param name="palette">Colours of the labels. Labels beyond its end become black.</param>
    /// <param name="alpha">Weight of the colours, 0 to 1.</param>
    /// <param name="destination">HWC; may be the image's own buffer, but must not overlap the image otherwise.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// The lengths do not fit each other, or alpha is NaN or out of range.
    /// </exception>
    public static void Blend(
        ReadOnlySpan<byte> rgb, ReadOnlySpan<byte> labels, Palette palette, float alpha, Span<byte> destination) =>
        Run(rgb, labels, palette, alpha, destination);

    /// <inheritdoc cref="Blend(ReadOnlySpan{byte}, ReadOnlySpan{byte}, Palette, float, Span{byte})"/>
    public static void Blend(
        ReadOnlySpan<byte> rgb, ReadOnlySpan<ushort> labels, Palette palette, float alpha, Span<byte> destination) =>
        Run(rgb, labels, palette, alpha, destination);

    private static void Run<TLabel>(
        ReadOnlySpan<byte> rgb, ReadOnlySpan<TLabel> labels, Palette palette, float alpha, Span<byte> destination)
        where TLabel : unmanaged, IBinaryInteger<TLabel>
    {
        ArgumentNullException.ThrowIfNull(palette);
        ArgumentOutOfRangeException.ThrowIfNotEqual(rgb.Length, (long)labels.Length * Channels);
        ArgumentOutOfRangeException.ThrowIfNotEqual(destination.Length, rgb.Length);
        ArgumentOutOfRangeException.ThrowIfLessThan(alpha, 0);   // refuses NaN too, which compares as less than every number
        ArgumentOutOfRangeException.ThrowIfGreaterThan(alpha, 1);
        int weight = (int)MathF.Round(alpha * 256);
        Span<byte> colours = stackalloc byte[BlockPixels * Channels];
        for (int start = 0; start < labels.Length; start += BlockPixels)
        {
            int count = Math.Min(BlockPixels, labels.Length - start);
            Span<byte> colour = colours[..(count * Channels)];
            ColorMap.Run(labels.Slice(start, count), palette, colour);
            ReadOnlySpan<byte> image = rgb.Slice(start * Channels, colour.Length);
            Span<byte> output = destination.Slice(start * Channels, colour.Length);
            int done = Vectorized(image, colour, weight, output);
            Scalar(image, colour, weight, output, done);
        }
    }

    internal static void Scalar(ReadOnlySpan<byte> image, ReadOnlySpan<byte> colour, int weight, Span<byte> output, int start)
    {
        for (int x = start; x < output.Length; x++)
        {
            output[x] = (byte)(((image[x] * (256 - weight)) + (colour[x] * weight) + 128) >> 8);
        }
    }

    /// <summary>
    /// Blends whole vectors and returns the bytes done. 16 bits suffice: the weights sum to 256, so no sum exceeds 255
    /// · 256 + 128.
    /// </summary>
    private static int Vectorized(ReadOnlySpan<byte> image, ReadOnlySpan<byte> colour, int weight, Span<byte> output)
    {
        if (!Vector.IsHardwareAccelerated)
        {
            return 0;
        }

        Vector<ushort> near = new((ushort)(256 - weight)), far = new((ushort)weight), half = new((ushort)128);
        int x = 0;
        for (; x <= output.Length - Vector<byte>.Count; x += Vector<byte>.Count)
        {
            Vector.Widen(new Vector<byte>(image[x..]), out Vector<ushort> imageLow, out Vector<ushort> imageHigh);
            Vector.Widen(new Vector<byte>(colour[x..]), out Vector<ushort> colourLow, out Vector<ushort> colourHigh);
            Vector<ushort> low = ((imageLow * near) + (colourLow * far) + half) >> 8;
            Vector<ushort> high = ((imageHigh * near) + (colourHigh * far) + half) >> 8;
            Vector.Narrow(low, high).CopyTo(output[x..]);
        }

        return x;
    }
}
