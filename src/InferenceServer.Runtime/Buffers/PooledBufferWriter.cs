using System.Buffers;

namespace InferenceServer.Runtime.Buffers;

/// <summary>A growing byte buffer on pooled arrays: encoders write into the buffer, and the response is sent from the
/// buffer.</summary>
internal sealed class PooledBufferWriter : IBufferWriter<byte>, IDisposable
{
    private const int SmallestGrowth = 256;

    // Once so much of the expected bytes is written, the rest is believed.
    private const int BelievedShare = 4;

    private readonly int _expected;
    private byte[] _array;
    private int _written;

    /// <summary>Rents <paramref name="capacity"/> bytes; the buffer grows when needed.</summary>
    /// <param name="capacity">Bytes at first.</param>
    /// <param name="expected">Bytes that a client announces, which may be wrong; 0 without such a number.</param>
    public PooledBufferWriter(int capacity = 16 * 1024, int expected = 0) =>
        (_array, _expected) = (PooledArrays.Rent<byte>(Math.Max(capacity, SmallestGrowth)), expected);

    /// <summary>Whether the reader of the bytes reads a <see cref="Tail"/>, too.</summary>
    public bool TakesTail { get; init; }

    /// <summary>Bytes after those written, in memory that is taken over; disposed with this object.</summary>
    public MemoryManager<byte>? Tail { get; set; }

    /// <summary>All bytes, in order.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> Parts => [Written, Tail?.Memory ?? default];

    /// <summary>Called before the buffer grows, with the bytes that it will have; throws where there is no room for
    /// them.</summary>
    public Action<long>? Growing { get; set; }

    /// <summary>The bytes written so far; invalid after the next write or <see cref="Dispose"/>.</summary>
    public ReadOnlyMemory<byte> Written => _array.AsMemory(0, _written);

    /// <inheritdoc cref="Written"/>
    public Span<byte> Filled => _array.AsSpan(0, _written);

    /// <summary>Bytes of the array.</summary>
    public int Capacity => _array.Length;

    /// <inheritdoc/>
    public void Advance(int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)count, (uint)(_array.Length - _written), nameof(count));
        _written += count;
    }

    /// <summary>Removes the written bytes and keeps the capacity.</summary>
    public void Clear() => _written = 0;

    /// <summary>Removes the written bytes except some, which move to the start.</summary>
    public void Keep(Range kept)
    {
        Span<byte> bytes = Filled[kept];
        bytes.CopyTo(_array);
        _written = bytes.Length;
    }

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
        (Tail as IDisposable)?.Dispose();
        Tail = null;
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

        long wanted = Math.Min(_array.Length * 2L, Array.MaxLength);
        if (_written < _expected && (wanted > _expected || _written >= _expected / BelievedShare))
        {
            wanted = _expected;
        }

        int capacity = Math.Max((int)wanted, checked(_written + count));
        Growing?.Invoke(capacity);
        byte[] larger = PooledArrays.Rent<byte>(capacity);
        _array.AsSpan(0, _written).CopyTo(larger);
        PooledArrays.Return(_array);
        _array = larger;
    }
}
