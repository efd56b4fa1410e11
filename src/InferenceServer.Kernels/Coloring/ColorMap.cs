using System.Runtime.InteropServices;

namespace InferenceServer.Kernels.Coloring;

/// <summary>Draws a label map in the colours of a palette.</summary>
public static class ColorMap
{
    private const int Channels = 3;

    /// <summary>Writes the colour of each label.</summary>
    /// <param name="labels">Labels of the pixels, HW.</param>
    /// <param name="palette">Colours of the labels. Labels beyond its end become black.</param>
    /// <param name="rgb">HWC, red first, three bytes for each label; overwritten whole.</param>
    /// <exception cref="ArgumentOutOfRangeException">The lengths do not fit each other.</exception>
    public static void Apply(ReadOnlySpan<byte> labels, Palette palette, Span<byte> rgb)
    {
        ArgumentNullException.ThrowIfNull(palette);
        ArgumentOutOfRangeException.ThrowIfNotEqual(rgb.Length, (long)labels.Length * Channels);
        ReadOnlySpan<uint> colours = palette.Packed;
        int x = 0;
        for (; x < labels.Length - 1; x++)
        {
            // Four bytes at once; the next pixel overwrites the fourth. Vector instructions do not speed up a table
            // look-up.
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
