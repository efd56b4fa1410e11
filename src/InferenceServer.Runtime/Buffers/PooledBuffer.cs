using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace InferenceServer.Runtime.Buffers;

/// <summary>A rented array with exactly the requested length; the array returns to its pool once.</summary>
/// <typeparam name="T">The element type.</typeparam>
/// <remarks>The elements have the values of the array's last use: write every element before reading it.</remarks>
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
    /// <exception cref="ObjectDisposedException">The buffer was disposed.</exception>
    public Memory<T> Memory => Array.AsMemory(0, _length);

    /// <inheritdoc cref="Memory"/>
    public Span<T> Span => Array.AsSpan(0, _length);

    private T[] Array => _array ?? throw new ObjectDisposedException(nameof(PooledBuffer<T>));

    /// <summary>Returns the array to its pool; a second call does nothing.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _array, null) is { } array)
        {
            PooledArrays.Return(array);
        }
    }
}

/// <summary>The bytes of rented numbers.</summary>
/// <param name="numbers">The numbers; disposed with this object.</param>
internal sealed class PooledBytes<T>(PooledBuffer<T> numbers) : MemoryManager<byte>
    where T : unmanaged
{
    /// <inheritdoc/>
    public override Span<byte> GetSpan() => MemoryMarshal.AsBytes(numbers.Span);

    /// <inheritdoc/>
    public override MemoryHandle Pin(int elementIndex = 0) => throw new NotSupportedException("The bytes are read through spans.");

    /// <inheritdoc/>
    public override void Unpin()
    {
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing) => numbers.Dispose();
}

/// <summary>The arrays of images, tensors and masks: the shared pool of .NET up to 32 KB, <see cref="LargeArrayPool"/>
/// above.</summary>
internal static class PooledArrays
{
    private static long _rentedBytes, _rents;

    /// <summary>Bytes that are in use now.</summary>
    public static long RentedBytes => Volatile.Read(ref _rentedBytes);

    /// <summary>Arrays that were ever rented.</summary>
    public static long Rents => Volatile.Read(ref _rents);

    /// <summary>Bytes of large arrays that the pool keeps for the next use; at most a sixteenth of the process's
    /// memory limit, and 128 MB.</summary>
    public static long KeptBytes => LargeArrayPool.KeptBytes;

    /// <inheritdoc cref="LargeArrayPool.TakeDroppedBytes"/>
    public static long TakeDroppedBytes() => LargeArrayPool.TakeDroppedBytes();

    /// <summary>Drops large arrays that were not used since the last call.</summary>
    public static void Trim() => LargeArrayPool.Trim();

    /// <summary>Rents an array of at least <paramref name="length"/> elements, with the contents of its last
    /// use.</summary>
    internal static T[] Rent<T>(int length)
        where T : unmanaged
    {
        T[] array = LargeArrayPool.Takes<T>(length) ? LargeArrayPool.Rent<T>(length) : ArrayPool<T>.Shared.Rent(length);
        Interlocked.Add(ref _rentedBytes, Bytes(array));
        Interlocked.Increment(ref _rents);
        return array;
    }

    /// <summary>Returns an array; called once for each array.</summary>
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
