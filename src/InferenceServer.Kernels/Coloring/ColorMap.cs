using System.Runtime.InteropServices;

namespace InferenceServer.Kernels.Coloring;

/// <summary>Draws a label map in a palette's colours.</summary>
public static class ColorMap
{
    private const int Channels = 3;

    /// <summary>Writes each label's colour.</summary>
    /// <param name="labels">HW.</param>
    /// <param name="palette">Labels beyond its end become black.</param>
    /// <param name="rgb">HWC, three bytes a label; overwritten whole.</param>
    /// <exception cref="ArgumentOutOfRangeException">The lengths disagree.</exception>
    public static void Apply(ReadOnlySpan<byte> labels, Palette palette, Span<byte> rgb)
    {
        ArgumentNullException.ThrowIfNull(palette);
        ArgumentOutOfRangeException.ThrowIfNotEqual(rgb.Length, (long)labels.Length * Channels);
        ReadOnlySpan<uint> colours = palette.Packed;
        int x = 0;
        for (; x < labels.Length - 1; x++)
        {
            // Four bytes at once; the fourth is overwritten by the next pixel. A table look-up has no vector form worth having.
            uint colour = colours[labels[x]];
            MemoryMarshal.Write(rgb[(x * Channels)..], in colour);
        }

        if (x < labels.Length)
        {
            uint colour = colours[labels[x]];
            rgb[x * Channels] = (byte)colour;
            rgb[(x * Channels) + 1] = (byte)(colour >> 8);
            rgb[(x * Channels) + 2] = (byte)(colour >> 16);
        }
    }
}
