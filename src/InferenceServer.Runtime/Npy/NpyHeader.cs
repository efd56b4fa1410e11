using System.Buffers.Binary;
using System.Globalization;
using System.Text.RegularExpressions;

namespace InferenceServer.Runtime.Npy;

/// <summary>The header of a NumPy <c>.npy</c> file: element type, order and shape.</summary>
/// <param name="Type">NumPy's name of the type: <c>&lt;f4</c> is a little-endian float32, <c>|u1</c> a byte.</param>
/// <param name="FortranOrder">Whether the first index varies fastest, instead of the last.</param>
/// <param name="Shape">The length of each axis; empty for a scalar.</param>
/// <remarks>numpy.lib.format. Reads versions 1.0, 2.0 and 3.0; writes 1.0, which every reader supports.</remarks>
internal sealed partial record NpyHeader(string Type, bool FortranOrder, IReadOnlyList<int> Shape)
{
    /// <summary>The common media type; none is registered.</summary>
    public const string ContentType = "application/x-npy";

    /// <summary>More bytes than the header of any mask has.</summary>
    public const int MostBytes = 256;

    /// <summary>The most bytes of a header that <see cref="Read"/> accepts.</summary>
    public const int MostRead = MaxLength + 12;

    private const int Alignment = 64;    // of the values, so that a mapped file can be read with SIMD
    private const int MaxLength = 65535; // far more than any plain array needs

    /// <summary>Number of values.</summary>
    public long Count => Shape.Aggregate(1L, (count, length) => checked(count * length));

    private static ReadOnlySpan<byte> Magic => [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y'];

    /// <summary>Reads a header and leaves the stream at the first value.</summary>
    /// <exception cref="InvalidDataException">The file is not a <c>.npy</c> file, or has no plain array.</exception>
    public static NpyHeader Read(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        try
        {
            Span<byte> start = stackalloc byte[8];
            stream.ReadExactly(start);
            if (!start.StartsWith(Magic))
            {
                throw new InvalidDataException(
                    "Expected an .npy file, got other bytes; write the file with numpy.save.");
            }

            return Parse(Text(stream, start[6]));
        }
        catch (EndOfStreamException)
        {
            throw new InvalidDataException("The file ends within the header of an .npy file.");
        }
    }

    /// <summary>The header in version 1.0; the values follow it directly.</summary>
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

    /// <summary>Reads the dictionary, whose length takes two bytes in version 1 and four in versions 2 and
    /// 3.</summary>
    private static string Text(Stream stream, byte version)
    {
        if (version is < 1 or > 3)
        {
            throw new InvalidDataException($"Expected an .npy file of version 1 to 3, got version {version}.");
        }

        Span<byte> number = stackalloc byte[4];
        number.Clear();
        stream.ReadExactly(version == 1 ? number[..2] : number);
        uint length = BinaryPrimitives.ReadUInt32LittleEndian(number);
        if (length > MaxLength)
        {
            throw new InvalidDataException($"Expected a header of at most {MaxLength:N0} bytes, got {length:N0}.");
        }

        byte[] text = new byte[length];
        stream.ReadExactly(text);
        return (version == 3 ? System.Text.Encoding.UTF8 : System.Text.Encoding.Latin1).GetString(text);
    }

    private static NpyHeader Parse(string text)
    {
        if (TypeEntry().Match(text) is not { Success: true } type)
        {
            throw new InvalidDataException("Expected an array of numbers, got an array of records.");
        }

        if (OrderEntry().Match(text) is not { Success: true } order || ShapeEntry().Match(text) is not { Success: true } shape)
        {
            throw new InvalidDataException("Expected a header with an order and a shape.");
        }

        string[] axes = shape.Groups[1].Value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        int[] lengths = new int[axes.Length];
        for (int i = 0; i < axes.Length; i++)
        {
            if (!int.TryParse(axes[i], NumberStyles.None, CultureInfo.InvariantCulture, out lengths[i]))
            {
                throw new InvalidDataException($"Expected a shape of whole numbers, got ({shape.Groups[1].Value}).");
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
