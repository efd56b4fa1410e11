using System.Buffers;
using System.Runtime.CompilerServices;

namespace InferenceServer.Runtime.Buffers;

/// <summary>A rented array that shows exactly the length that was asked for and goes back to the pool once.</summary>
/// <typeparam name="T">The element type.</typeparam>
/// <remarks>The contents are whatever the last user left: the holder writes every element before it reads one.
/// Large buffers are not pooled: the pool rounds up to a power of two and keeps what it gets, which for a photograph of 100 megapixels
/// would be 512 MB for each thread that ever saw one.</remarks>
public sealed class PooledBuffer<T> : IDisposable
    where T : unmanaged
{
    private const int LargestPooledBytes = 16 << 20;
    private readonly int _length;
    private T[]? _array;

    /// <summary>Rents a buffer of <paramref name="length"/> elements.</summary>
    public PooledBuffer(int length)
    {
        _length = length;
        _array = IsPooled ? ArrayPool<T>.Shared.Rent(length) : GC.AllocateUninitializedArray<T>(length);
        BufferUsage.Add(Bytes);
        if (!IsPooled)
        {
            BufferUsage.AddUnpooled();
        }
    }

    /// <summary>The elements; invalid after <see cref="Dispose"/>.</summary>
    /// <exception cref="ObjectDisposedException">The buffer was given back.</exception>
    public Memory<T> Memory => Array.AsMemory(0, _length);

    /// <inheritdoc cref="Memory"/>
    public Span<T> Span => Array.AsSpan(0, _length);

    private long Bytes => (long)_length * Unsafe.SizeOf<T>();

    private bool IsPooled => Bytes <= LargestPooledBytes;

    private T[] Array => _array ?? throw new ObjectDisposedException(nameof(PooledBuffer<T>));

    /// <summary>Gives the array back; a second call does nothing.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _array, null) is not { } array)
        {
            return;
        }

        BufferUsage.Add(-Bytes);
        if (IsPooled)
        {
            ArrayPool<T>.Shared.Return(array);
        }
    }
}
