using System.Runtime.InteropServices;
using InferenceServer.Runtime.Buffers;

namespace InferenceServer.Runtime.Npy;

/// <summary>Reads and writes arrays of little-endian float32 in C order as NumPy <c>.npy</c> files; tools exchange
/// probabilities in such files.</summary>
internal static class NpyFloats
{
    /// <summary>The supported element type.</summary>
    public const string Type = "<f4";

    private const int ValuesAtOnce = 1 << 20; // the byte length of a span is an int, too small for large arrays

    /// <summary>Reads a whole array.</summary>
    /// <param name="stream">At the start of the file; after the last value when the method returns.</param>
    /// <param name="header">Type, order and shape of the array.</param>
    /// <returns>The values, the last axis fastest; the caller disposes the buffer.</returns>
    /// <exception cref="InvalidDataException">The file is not a <c>.npy</c> file, has another type or order, is too
    /// large, or is truncated.</exception>
    public static PooledBuffer<float> Read(Stream stream, out NpyHeader header)
    {
        header = NpyHeader.Read(stream);
        if (header.Type != Type)
        {
            throw new InvalidDataException(
                $"Expected little-endian float32 ('{Type}'), got '{header.Type}'; " +
                $"convert the array with .astype('{Type}').");
        }

        if (header.FortranOrder && header.Shape.Count > 1)
        {
            throw new InvalidDataException(
                "Expected C order, got Fortran order; convert the array with numpy.ascontiguousarray.");
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
    /// <param name="stream">Receives the header and the values.</param>
    /// <param name="values">The last axis fastest.</param>
    /// <param name="shape">The length of each axis.</param>
    /// <exception cref="ArgumentException">The number of values differs from the shape.</exception>
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

    /// <summary>The number of values, checked before memory is rented.</summary>
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
                $"Expected at most {Array.MaxLength:N0} values, got the shape ({string.Join(", ", header.Shape)}).");
        }

        if (!stream.CanSeek || (stream.Length - stream.Position) / sizeof(float) >= count)
        {
            return (int)count;
        }

        throw Truncated(header);
    }

    private static InvalidDataException Truncated(NpyHeader header) =>
        new($"The file ends before all values of the shape ({string.Join(", ", header.Shape)}).");
}
