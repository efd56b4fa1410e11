namespace InferenceServer.Kernels.Coloring;

/// <summary>The colours that a label map is drawn in: up to 256 RGB entries, immutable.</summary>
public sealed class Palette
{
    private const int Channels = 3;

    private readonly byte[] _rgb;
    private readonly uint[] _packed = new uint[byte.MaxValue + 1];   // R in the lowest byte, as memory has it; 0 past Count

    private Palette(byte[] rgb)
    {
        _rgb = rgb;
        for (int i = 0; i < Count; i++)
        {
            (byte red, byte green, byte blue) = this[i];
            _packed[i] = red | ((uint)green << 8) | ((uint)blue << 16);
        }
    }

    /// <summary>Number of entries; labels from here on are drawn black.</summary>
    public int Count => _rgb.Length / Channels;

    /// <summary>The entries as R, G, B triples: a PNG's PLTE chunk.</summary>
    public ReadOnlySpan<byte> Rgb => _rgb;

    internal ReadOnlySpan<uint> Packed => _packed;

    /// <summary>The colour of one label.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The label is not below <see cref="Count"/>.</exception>
    public (byte Red, byte Green, byte Blue) this[int label]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)label, (uint)Count, nameof(label));
            return (_rgb[label * Channels], _rgb[(label * Channels) + 1], _rgb[(label * Channels) + 2]);
        }
    }

    /// <summary>The PASCAL VOC palette: the bits of the index, three at a time from the low end, become R, G, B from the high end.</summary>
    /// <param name="count">1 to 256 entries; with 256 the void label 255 is E0E0C0.</param>
    /// <exception cref="ArgumentOutOfRangeException">Not 1 to 256.</exception>
    public static Palette Voc(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, byte.MaxValue + 1);
        byte[] rgb = new byte[count * Channels];
        for (int i = 0; i < count; i++)
        {
            for (int bit = 0; bit < 8; bit++)
            {
                rgb[(i * Channels) + (bit % Channels)] |= (byte)(((i >> bit) & 1) << (7 - (bit / Channels)));
            }
        }

        return new Palette(rgb);
    }

    /// <summary>A palette of given colours.</summary>
    /// <param name="rgb">R, G, B of each entry; copied.</param>
    /// <exception cref="ArgumentException">Not 1 to 256 whole entries.</exception>
    public static Palette FromRgb(ReadOnlySpan<byte> rgb)
    {
        if (rgb.IsEmpty || rgb.Length % Channels != 0 || rgb.Length > (byte.MaxValue + 1) * Channels)
        {
            throw new ArgumentException($"{rgb.Length} bytes are not 1 to 256 RGB colours.", nameof(rgb));
        }

        return new Palette(rgb.ToArray());
    }

    /// <summary>A palette written in hexadecimal.</summary>
    /// <param name="hex">Six digits a colour, with or without a leading #, separated by white space or commas.</param>
    /// <exception cref="FormatException">A digit is not hexadecimal.</exception>
    /// <exception cref="ArgumentException">A colour does not have six digits, or there are not 1 to 256 of them.</exception>
    public static Palette FromHex(string hex)
    {
        ArgumentNullException.ThrowIfNull(hex);
        List<byte> rgb = [];
        foreach (string colour in hex.Split([' ', ',', '\t', '\r', '\n'], StringSplitOptions.RemoveEmptyEntries))
        {
            byte[] bytes = Convert.FromHexString(colour.TrimStart('#'));
            if (bytes.Length != Channels)
            {
                throw new ArgumentException($"'{colour}' is not a colour of six digits.", nameof(hex));
            }

            rgb.AddRange(bytes);
        }

        return FromRgb(rgb.ToArray());
    }
}
