using System.Buffers.Binary;
using System.Globalization;
using System.Text.RegularExpressions;

namespace InferenceServer.Runtime.Npy;

/// <summary>What stands before the values of a NumPy <c>.npy</c> file: element type, order and shape.</summary>
/// <param name="Type">As NumPy writes it: <c>&lt;f4</c> is a little-endian float32, <c>|u1</c> a byte.</param>
/// <param name="FortranOrder">Whether the first index runs fastest, and not the last.</param>
/// <param name="Shape">The length of each axis; none of a scalar.</param>
/// <remarks>numpy.lib.format. Versions 1.0, 2.0 and 3.0 are read; 1.0 is written, which every reader knows.</remarks>
internal sealed partial record NpyHeader(string Type, bool FortranOrder, IReadOnlyList<int> Shape)
{
    /// <summary>The media type that people use, though none is registered.</summary>
    public const string ContentType = "application/x-npy";

    private const int Alignment = 64;    // of the values, so that a mapped file can be read with SIMD
    private const int MaxLength = 65535; // far more than any plain array needs

    /// <summary>Number of values.</summary>
    public long Count => Shape.Aggregate(1L, (count, length) => checked(count * length));

    private static ReadOnlySpan<byte> Magic => [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y'];

    /// <summary>Reads a header and leaves the stream at the first value.</summary>
    /// <exception cref="InvalidDataException">It is no <c>.npy</c> file, or none that holds a plain array.</exception>
    public static NpyHeader Read(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        try
        {
            Span<byte> start = stackalloc byte[8];
            stream.ReadExactly(start);
            if (!start.StartsWith(Magic))
            {
                throw new InvalidDataException("It is no .npy file; numpy.save writes one.");
            }

            return Parse(Text(stream, start[6]));
        }
        catch (EndOfStreamException)
        {
            throw new InvalidDataException("It ends within the header of an .npy file.");
        }
    }

    /// <summary>The header as a file of version 1.0 begins; the values follow it directly.</summary>
    public byte[] ToBytes()
    {
        string axes = Shape.Count == 1
            ? string.Create(CultureInfo.InvariantCulture, $"{Shape[0]},")
            : string.Join(", ", Shape.Select(n => n.ToString(CultureInfo.InvariantCulture)));
        string text = $"{{'descr': '{Type}', 'fortran_order': {(FortranOrder ? "True" : "False")}, 'shape': ({axes}), }}";
        int before = Magic.Length + 4;
        int padding = Alignment - 1 - ((before + text.Length) % Alignment);
        byte[] bytes = [.. Magic, 1, 0, 0, 0, .. System.Text.Encoding.ASCII.GetBytes(text + new string(' ', padding) + "\n")];
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(before - 2), checked((ushort)(bytes.Length - before)));
        return bytes;
    }

    /// <summary>The dictionary, whose length takes two bytes in version 1 and four in versions 2 and 3.</summary>
    private static string Text(Stream stream, byte version)
    {
        if (version is < 1 or > 3)
        {
            throw new InvalidDataException($"It is an .npy file of version {version}; versions 1 to 3 are read.");
        }

        Span<byte> number = stackalloc byte[4];
        number.Clear();
        stream.ReadExactly(version == 1 ? number[..2] : number);
        uint length = BinaryPrimitives.ReadUInt32LittleEndian(number);
        if (length > MaxLength)
        {
            throw new InvalidDataException($"Its header has {length:N0} bytes; one of at most {MaxLength:N0} is read.");
        }

        byte[] text = new byte[length];
        stream.ReadExactly(text);
        return (version == 3 ? System.Text.Encoding.UTF8 : System.Text.Encoding.Latin1).GetString(text);
    }

    private static NpyHeader Parse(string text)
    {
        if (TypeEntry().Match(text) is not { Success: true } type)
        {
            throw new InvalidDataException("It holds records, not an array of numbers.");
        }

        if (OrderEntry().Match(text) is not { Success: true } order || ShapeEntry().Match(text) is not { Success: true } shape)
        {
            throw new InvalidDataException("Its header names no order or no shape.");
        }

        string[] axes = shape.Groups[1].Value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        int[] lengths = new int[axes.Length];
        for (int i = 0; i < axes.Length; i++)
        {
            if (!int.TryParse(axes[i], NumberStyles.None, CultureInfo.InvariantCulture, out lengths[i]))
            {
                throw new InvalidDataException($"Its shape ({shape.Groups[1].Value}) cannot be read.");
            }
        }

        return new NpyHeader(type.Groups[1].Value, order.Groups[1].Value == "True", lengths);
    }

    [GeneratedRegex("""['"]descr['"]\s*:\s*['"]([^'"]*)['"]""")]
    private static partial Regex TypeEntry();

    [GeneratedRegex("""['"]fortran_order['"]\s*:\s*(True|False)\b""")]
    private static partial Regex OrderEntry();

    [GeneratedRegex("""['"]shape['"]\s*:\s*\(([^)]*)\)""")]
    private static partial Regex ShapeEntry();
}
