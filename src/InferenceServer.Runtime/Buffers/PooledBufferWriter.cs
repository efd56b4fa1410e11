using System.Buffers;

namespace InferenceServer.Runtime.Buffers;

/// <summary>A growing byte buffer on pooled arrays: encoders write into the buffer, and the response is sent from the
/// buffer.</summary>
internal sealed class PooledBufferWriter : IBufferWriter<byte>, IDisposable
{
    private const int SmallestGrowth = 256;
    private byte[] _array;
    private int _written;

    /// <summary>Rents <paramref name="capacity"/> bytes; the buffer grows when needed.</summary>
    public PooledBufferWriter(int capacity = 16 * 1024) => _array = PooledArrays.Rent<byte>(Math.Max(capacity, SmallestGrowth));

    /// <summary>The bytes written so far; invalid after the next write or <see cref="Dispose"/>.</summary>
    public ReadOnlyMemory<byte> Written => _array.AsMemory(0, _written);

    /// <inheritdoc/>
    public void Advance(int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)count, (uint)(_array.Length - _written), nameof(count));
        _written += count;
    }

    /// <summary>Removes the written bytes and keeps the capacity.</summary>
    public void Clear() => _written = 0;

    /// <inheritdoc/>
    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Reserve(Math.Max(sizeHint, 1));
        return _array.AsMemory(_written);
    }

    /// <inheritdoc/>
    public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    /// <summary>Returns the array to its pool; no reads or writes are allowed afterwards.</summary>
    public void Dispose()
    {
        byte[] array = Interlocked.Exchange(ref _array, []);
        _written = 0;
        if (array.Length > 0)
        {
            PooledArrays.Return(array);
        }
    }

    private void Reserve(int count)
    {
        ObjectDisposedException.ThrowIf(_array.Length == 0, this);
        if (_array.Length - _written >= count)
        {
            return;
        }

        byte[] larger = PooledArrays.Rent<byte>(Math.Max((int)Math.Min(_array.Length * 2L, Array.MaxLength), checked(_written + count)));
        _array.AsSpan(0, _written).CopyTo(larger);
        PooledArrays.Return(_array);
        _array = larger;
    }
}
