using System.Runtime.InteropServices;
using InferenceServer.Runtime.Buffers;

namespace InferenceServer.Runtime.Npy;

/// <summary>Writes arrays of little-endian float32 in C order as NumPy <c>.npy</c> files, and reads them
/// and those of float16; tools exchange probabilities in such files.</summary>
internal static class NpyFloats
{
    /// <summary>The element type that is written.</summary>
    public const string Type = "<f4";

    private const string HalfType = "<f2";

    private const int ValuesAtOnce = 1 << 20; // the byte length of a span is an int, too small for large arrays

    /// <summary>Reads a whole array.</summary>
    /// <param name="stream">At the start of the file; bytes after the array are left.</param>
    /// <param name="accept">Looks at the header and throws where the array is not wanted, before memory is taken for it.</param>
    /// <param name="cancellationToken">Cancels reading.</param>
    /// <returns>The array; the caller disposes it.</returns>
    /// <exception cref="InvalidDataException">The file is not a <c>.npy</c> file, has another type or order, is too
    /// large, or is truncated.</exception>
    public static async Task<NpyValues> ReadAsync(
        Stream stream, Action<NpyHeader>? accept = null, CancellationToken cancellationToken = default)
    {
        byte[] bytes = new byte[NpyHeader.MostRead];
        int end = await stream.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, cancellationToken)
            .ConfigureAwait(false);
        using MemoryStream start = new(bytes, 0, end);
        NpyHeader header = NpyHeader.Read(start);
        int at = (int)start.Position, size = SizeOf(header);
        long left = long.MaxValue;
        if (stream.CanSeek)
        {
            left = stream.Length - stream.Position + end - at;
        }

        int count = Count(header, left / size);
        accept?.Invoke(header);
        using Owned<PooledBuffer<float>> values = new(new PooledBuffer<float>(count));
        for (int filled = 0; filled < count;)
        {
            int whole = Math.Min((end - at) / size, count - filled);
            Convert(bytes.AsSpan(at, whole * size), values.Value.Span.Slice(filled, whole), size);
            filled += whole;
            at += whole * size;
            if (filled < count)
            {
                bytes.AsSpan(at, end - at).CopyTo(bytes);
                (at, end) = (0, end - at);
                int read = await stream.ReadAsync(bytes.AsMemory(end), cancellationToken).ConfigureAwait(false);
                if (read == 0)
                {
                    throw Truncated(header);
                }

                end += read;
            }
        }

        return new NpyValues(header, values.Release());
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

    /// <summary>Bytes of a value in the file.</summary>
    private static int SizeOf(NpyHeader header)
    {
        if (header.Type is not (Type or HalfType))
        {
            throw new InvalidDataException(
                $"Expected little-endian float32 ('{Type}') or float16 ('{HalfType}'), got '{header.Type}'; " +
                $"convert the array with .astype('{Type}').");
        }

        if (header.FortranOrder && header.Shape.Count > 1)
        {
            throw new InvalidDataException(
                "Expected C order, got Fortran order; convert the array with numpy.ascontiguousarray.");
        }

        if (header.Type == Type)
        {
            return sizeof(float);
        }

        return sizeof(float) / 2;
    }

    private static void Convert(ReadOnlySpan<byte> bytes, Span<float> values, int size)
    {
        if (size == sizeof(float))
        {
            bytes.CopyTo(MemoryMarshal.AsBytes(values));
            return;
        }

        ReadOnlySpan<Half> halves = MemoryMarshal.Cast<byte, Half>(bytes);
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = (float)halves[i];
        }
    }

    /// <summary>The number of values, checked before memory is rented.</summary>
    private static int Count(NpyHeader header, long available)
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

        if (available >= count)
        {
            return (int)count;
        }

        throw Truncated(header);
    }

    private static InvalidDataException Truncated(NpyHeader header) =>
        new($"The file ends before all values of the shape ({string.Join(", ", header.Shape)}).");
}

/// <summary>An array that was read from a <c>.npy</c> file. Disposal returns its memory to the pool.</summary>
/// <param name="Header">Type, order and shape in the file.</param>
/// <param name="Values">The values, the last axis fastest.</param>
internal sealed record NpyValues(NpyHeader Header, PooledBuffer<float> Values) : IDisposable
{
    public void Dispose() => Values.Dispose();
}
