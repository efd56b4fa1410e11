using System.Numerics;

namespace InferenceServer.Kernels.Coloring;

/// <summary>Lays a label map's colours over the photo.</summary>
/// <remarks>
/// In fixed point, so that every machine gives the same bytes: with a = round(256 · alpha), each byte becomes
/// (photo · (256 − a) + colour · a + 128) / 256, rounded down. Alpha 0 is the photo, alpha 1 the colours, exactly.
/// </remarks>
public static class OverlayBlender
{
    private const int Channels = 3;
    private const int Block = 1024;   // pixels whose colours wait on the stack between look-up and blend

    /// <summary>Blends one image.</summary>
    /// <param name="rgb">The photo: HWC, red first.</param>
    /// <param name="labels">HW.</param>
    /// <param name="palette">Labels beyond its end are drawn black.</param>
    /// <param name="alpha">Weight of the colours, 0…1.</param>
    /// <param name="destination">HWC; may be the photo itself, but not overlap it otherwise.</param>
    /// <exception cref="ArgumentOutOfRangeException">The lengths disagree, or alpha is out of range or NaN.</exception>
    public static void Blend(
        ReadOnlySpan<byte> rgb, ReadOnlySpan<byte> labels, Palette palette, float alpha, Span<byte> destination)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(rgb.Length, (long)labels.Length * Channels);
        ArgumentOutOfRangeException.ThrowIfNotEqual(destination.Length, rgb.Length);
        ArgumentOutOfRangeException.ThrowIfLessThan(alpha, 0);   // catches NaN too, which sorts below every number
        ArgumentOutOfRangeException.ThrowIfGreaterThan(alpha, 1);
        int weight = (int)MathF.Round(alpha * 256);
        Span<byte> colours = stackalloc byte[Block * Channels];
        for (int start = 0; start < labels.Length; start += Block)
        {
            int count = Math.Min(Block, labels.Length - start);
            Span<byte> colour = colours[..(count * Channels)];
            ColorMap.Apply(labels.Slice(start, count), palette, colour);
            ReadOnlySpan<byte> photo = rgb.Slice(start * Channels, colour.Length);
            Span<byte> output = destination.Slice(start * Channels, colour.Length);
            int done = Vector.IsHardwareAccelerated ? Vectorized(photo, colour, weight, output) : 0;
            Scalar(photo, colour, weight, output, done);
        }
    }

    internal static void Scalar(ReadOnlySpan<byte> photo, ReadOnlySpan<byte> colour, int weight, Span<byte> output, int start)
    {
        for (int x = start; x < output.Length; x++)
        {
            output[x] = (byte)(((photo[x] * (256 - weight)) + (colour[x] * weight) + 128) >> 8);
        }
    }

    /// <summary>In 16 bits: the weights sum to 256, so no sum passes 255 · 256 + 128.</summary>
    internal static int Vectorized(ReadOnlySpan<byte> photo, ReadOnlySpan<byte> colour, int weight, Span<byte> output)
    {
        Vector<ushort> near = new((ushort)(256 - weight)), far = new((ushort)weight), half = new((ushort)128);
        int x = 0;
        for (; x <= output.Length - Vector<byte>.Count; x += Vector<byte>.Count)
        {
            Vector.Widen(new Vector<byte>(photo[x..]), out Vector<ushort> photoLow, out Vector<ushort> photoHigh);
            Vector.Widen(new Vector<byte>(colour[x..]), out Vector<ushort> colourLow, out Vector<ushort> colourHigh);
            Vector<ushort> low = ((photoLow * near) + (colourLow * far) + half) >> 8;
            Vector<ushort> high = ((photoHigh * near) + (colourHigh * far) + half) >> 8;
            Vector.Narrow(low, high).CopyTo(output[x..]);
        }

        return x;
    }
}
