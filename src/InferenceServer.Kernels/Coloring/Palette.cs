using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace InferenceServer.Kernels.Coloring;

/// <summary>The colours of labels: 1 to 65,536 RGB entries. Immutable.</summary>
public sealed class Palette
{
    private const int Channels = 3;

    private const int MaxCount = ushort.MaxValue + 1;

    private readonly byte[] _rgb;
    private readonly uint[] _packed;   // red in the lowest byte; an entry for every byte, 0 from Count on

    private Palette(byte[] rgb)
    {
        _rgb = rgb;
        _packed = new uint[Math.Max(Count, byte.MaxValue + 1)];
        for (int i = 0; i < Count; i++)
        {
            (byte red, byte green, byte blue) = this[i];
            _packed[i] = red | ((uint)green << 8) | ((uint)blue << 16);
        }
    }

    /// <summary>Number of entries. Labels from this number on are drawn black.</summary>
    public int Count => _rgb.Length / Channels;

    /// <summary>The entries as red, green and blue bytes: the PLTE chunk of a PNG.</summary>
    public ReadOnlySpan<byte> Rgb => _rgb;

    internal ReadOnlySpan<uint> Packed => _packed;

    /// <summary>The colour of one label.</summary>
    /// <param name="label">0 to <see cref="Count"/> − 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// The label is negative, or not below <see cref="Count"/>.
    /// </exception>
    public (byte Red, byte Green, byte Blue) this[int label]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)label, (uint)Count, nameof(label));
            return (_rgb[label * Channels], _rgb[(label * Channels) + 1], _rgb[(label * Channels) + 2]);
        }
    }

    /// <summary>
    /// The PASCAL VOC palette: the bits of the label, three at a time from the lowest on, are the bits of red, green
    /// and blue from the highest on.
    /// </summary>
    /// <param name="count">Number of entries, 1 to 65,536. The void label, 255, is E0E0C0.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number of entries is out of range.</exception>
    public static Palette Voc(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, MaxCount);
        byte[] rgb = new byte[count * Channels];
        for (int i = 0; i < count; i++)
        {
            for (int bit = 0; bit < 16; bit++)
            {
                rgb[(i * Channels) + (bit % Channels)] |= (byte)(((i >> bit) & 1) << (7 - (bit / Channels)));
            }
        }

        return new Palette(rgb);
    }

    /// <summary>Creates a palette of given colours.</summary>
    /// <param name="rgb">Red, green and blue of each entry; copied.</param>
    /// <exception cref="ArgumentException">The length is not that of 1 to 65,536 entries.</exception>
    public static Palette FromRgb(ReadOnlySpan<byte> rgb)
    {
        if (rgb.IsEmpty || rgb.Length % Channels != 0 || rgb.Length > MaxCount * Channels)
        {
            throw new ArgumentException($"Expected 1 to {MaxCount} colours of three bytes, got {rgb.Length} bytes.", nameof(rgb));
        }

        return new Palette(rgb.ToArray());
    }

    /// <summary>Creates a palette from colours in hexadecimal.</summary>
    /// <param name="hex">
    /// Six digits for each colour, with or without a leading #, separated by white space or commas.
    /// </param>
    /// <exception cref="FormatException">A colour is not a hexadecimal number.</exception>
    /// <exception cref="ArgumentException">
    /// A colour does not have six digits, or the number of colours is not 1 to 65,536.
    /// </exception>
    public static Palette FromHex(string hex)
    {
        ArgumentNullException.ThrowIfNull(hex);
        List<byte> rgb = [];
        foreach (string colour in hex.Split([' ', ',', '\t', '\r', '\n'], StringSplitOptions.RemoveEmptyEntries))
        {
            byte[] bytes = Convert.FromHexString(colour.TrimStart('#'));
            if (bytes.Length != Channels)
            {
                throw new ArgumentException($"Expected colours of six hexadecimal digits, got '{colour}'.", nameof(hex));
            }

            rgb.AddRange(bytes);
        }

        return FromRgb(rgb.ToArray());
    }
}

/// <summary>Draws a label map in the colours of a palette.</summary>
public static class ColorMap
{
    private const int Channels = 3;

    /// <summary>Writes the colour of each label.</summary>
    /// <param name="labels">Labels of the pixels, HW.</param>
    /// <param name="palette">Colours of the labels. Labels beyond its end become black.</param>
    /// <param name="rgb">HWC, red first, three bytes for each label; overwritten whole.</param>
    /// <exception cref="ArgumentOutOfRangeException">The lengths do not fit each other.</exception>
    public static void Apply(ReadOnlySpan<byte> labels, Palette palette, Span<byte> rgb) => Run(labels, palette, rgb);

    /// <inheritdoc cref="Apply(ReadOnlySpan{byte}, Palette, Span{byte})"/>
    public static void Apply(ReadOnlySpan<ushort> labels, Palette palette, Span<byte> rgb) => Run(labels, palette, rgb);

    internal static void Run<TLabel>(ReadOnlySpan<TLabel> labels, Palette palette, Span<byte> rgb)
        where TLabel : unmanaged, IBinaryInteger<TLabel>
    {
        ArgumentNullException.ThrowIfNull(palette);
        ArgumentOutOfRangeException.ThrowIfNotEqual(rgb.Length, (long)labels.Length * Channels);
        ReadOnlySpan<uint> colours = palette.Packed;
        int x = 0;
        for (; x < labels.Length - 1; x++)
        {
            // Four bytes at once; the next pixel overwrites the fourth. Vector instructions do not speed up a table
            // look-up.
            uint colour = Colour(colours, labels[x]);
            MemoryMarshal.Write(rgb[(x * Channels)..], in colour);
        }

        if (x < labels.Length)
        {
            uint colour = Colour(colours, labels[x]);
            rgb[x * Channels] = (byte)colour;
            rgb[(x * Channels) + 1] = (byte)(colour >> 8);
            rgb[(x * Channels) + 2] = (byte)(colour >> 16);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Colour<TLabel>(ReadOnlySpan<uint> colours, TLabel label)
        where TLabel : unmanaged, IBinaryInteger<TLabel>
    {
        int index = int.CreateTruncating(label);
        if ((uint)index < (uint)colours.Length)
        {
            return colours[index];
        }

        return 0;
    }
}
