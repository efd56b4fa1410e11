namespace InferenceServer.Runtime.Buffers;

/// <summary>A rented array that shows exactly the length that was asked for and goes back to its pool once.</summary>
/// <typeparam name="T">The element type.</typeparam>
/// <remarks>The contents are whatever the last user left: the holder writes every element before it reads one.</remarks>
public sealed class PooledBuffer<T> : IDisposable
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
