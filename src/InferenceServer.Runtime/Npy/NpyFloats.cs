using System.Runtime.InteropServices;
using InferenceServer.Runtime.Buffers;

namespace InferenceServer.Runtime.Npy;

/// <summary>Arrays of little-endian float32 in C order as NumPy <c>.npy</c> files: how probabilities travel between
/// tools.</summary>
internal static class NpyFloats
{
    /// <summary>The element type that is read and written.</summary>
    public const string Type = "<f4";

    private const int ValuesAtOnce = 1 << 20; // a span counts its bytes in an int, which large arrays pass

    /// <summary>Reads an array whole.</summary>
    /// <param name="stream">Stands at the start of the file; left after the last value.</param>
    /// <param name="header">The shape of what was read.</param>
    /// <returns>The values, the last axis fastest, which the caller disposes.</returns>
    /// <exception cref="InvalidDataException">No <c>.npy</c> file, another type or order, too large, or
    /// truncated.</exception>
    public static PooledBuffer<float> Read(Stream stream, out NpyHeader header)
    {
        header = NpyHeader.Read(stream);
        if (header.Type != Type)
        {
            throw new InvalidDataException(
                $"It holds '{header.Type}', expected little-endian float32 ('{Type}'); convert it with " +
                $".astype('{Type}').");
        }

        if (header.FortranOrder && header.Shape.Count > 1)
        {
            throw new InvalidDataException("It is in Fortran order, expected C order; convert it with numpy.ascontiguousarray.");
        }

        using Owned<PooledBuffer<float>> values = new(new PooledBuffer<float>(Count(stream, header)));
        try
        {
            for (Span<float> rest = values.Value.Span; !rest.IsEmpty; rest = rest[Math.Min(ValuesAtOnce, rest.Length)..])
            {
                stream.ReadExactly(MemoryMarshal.AsBytes(rest[..Math.Min(ValuesAtOnce, rest.Length)]));
            }

            return values.Release();
        }
        catch (EndOfStreamException)
        {
            throw Truncated(header);
        }
    }

    /// <summary>Writes an array.</summary>
    /// <param name="stream">Takes header and values.</param>
    /// <param name="values">The last axis fastest.</param>
    /// <param name="shape">The length of each axis.</param>
    /// <exception cref="ArgumentException">The shape has another number of values.</exception>
    public static void Write(Stream stream, ReadOnlySpan<float> values, IReadOnlyList<int> shape)
    {
        ArgumentNullException.ThrowIfNull(stream);
        NpyHeader header = new(Type, FortranOrder: false, shape);
        ArgumentOutOfRangeException.ThrowIfNotEqual(values.Length, header.Count);
        stream.Write(header.ToBytes());
        for (; !values.IsEmpty; values = values[Math.Min(ValuesAtOnce, values.Length)..])
        {
            stream.Write(MemoryMarshal.AsBytes(values[..Math.Min(ValuesAtOnce, values.Length)]));
        }
    }

    /// <summary>The number of values, checked before memory is taken for them.</summary>
    private static int Count(Stream stream, NpyHeader header)
    {
        long count;
        try
        {
            count = header.Count;
        }
        catch (OverflowException)
        {
            count = long.MaxValue;
        }

        if (count > Array.MaxLength)
        {
            throw new InvalidDataException(
                $"Its shape ({string.Join(", ", header.Shape)}) has too many values; at most {Array.MaxLength:N0} " +
                "are read.");
        }

        if (!stream.CanSeek || (stream.Length - stream.Position) / sizeof(float) >= count)
        {
            return (int)count;
        }

        throw Truncated(header);
    }

    private static InvalidDataException Truncated(NpyHeader header) =>
        new($"It ends before all values of its shape ({string.Join(", ", header.Shape)}).");
}
