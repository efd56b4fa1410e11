using System.Buffers;
using System.Runtime.CompilerServices;

namespace InferenceServer.Runtime.Buffers;

/// <summary>A rented array that shows exactly the length that was asked for and goes back to its pool once.</summary>
/// <typeparam name="T">The element type.</typeparam>
/// <remarks>The contents are whatever the last user left: the holder writes every element before it reads
/// one.</remarks>
internal sealed class PooledBuffer<T> : IDisposable
    where T : unmanaged
{
    private readonly int _length;
    private T[]? _array;

    /// <summary>Rents a buffer of <paramref name="length"/> elements.</summary>
    public PooledBuffer(int length)
    {
        _length = length;
        _array = PooledArrays.Rent<T>(length);
    }

    /// <summary>The elements; invalid after <see cref="Dispose"/>.</summary>
    /// <exception cref="ObjectDisposedException">The buffer was given back.</exception>
    public Memory<T> Memory => Array.AsMemory(0, _length);

    /// <inheritdoc cref="Memory"/>
    public Span<T> Span => Array.AsSpan(0, _length);

    private T[] Array => _array ?? throw new ObjectDisposedException(nameof(PooledBuffer<T>));

    /// <summary>Gives the array back; a second call does nothing.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _array, null) is { } array)
        {
            PooledArrays.Return(array);
        }
    }
}

/// <summary>The arrays of images, tensors and masks: the shared pool of .NET up to 32 KB, <see cref="LargeArrayPool"/>
/// above.</summary>
internal static class PooledArrays
{
    private static long _rentedBytes;

    /// <summary>Bytes that are in use at the moment.</summary>
    public static long RentedBytes => Volatile.Read(ref _rentedBytes);

    /// <summary>Bytes of large arrays that are kept for the next user; at most a sixteenth of the memory that the
    /// process may have, and 128 MB.</summary>
    public static long KeptBytes => LargeArrayPool.KeptBytes;

    /// <summary>Drops large arrays that were not used since the last call.</summary>
    public static void Trim() => LargeArrayPool.Trim();

    /// <summary>An array of at least <paramref name="length"/> elements, with whatever its last user left in
    /// it.</summary>
    internal static T[] Rent<T>(int length)
        where T : unmanaged
    {
        T[] array = LargeArrayPool.Takes<T>(length) ? LargeArrayPool.Rent<T>(length) : ArrayPool<T>.Shared.Rent(length);
        Interlocked.Add(ref _rentedBytes, Bytes(array));
        return array;
    }

    /// <summary>Gives an array back, once.</summary>
    internal static void Return<T>(T[] array)
        where T : unmanaged
    {
        Interlocked.Add(ref _rentedBytes, -Bytes(array));
        if (LargeArrayPool.Takes<T>(array.Length))
        {
            LargeArrayPool.Return(array);
        }
        else
        {
            ArrayPool<T>.Shared.Return(array);
        }
    }

    private static long Bytes<T>(T[] array)
        where T : unmanaged => (long)array.Length * Unsafe.SizeOf<T>();
}
