using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using DenseCrf.Buffers;

namespace DenseCrf.Permutohedral;

/// <summary>
/// A hash table of the vertices that one range of pixels touches, numbered in the order of first touch.
/// </summary>
/// <remarks>
/// Open addressing. A slot holds a vertex's key and its number plus 1 in 64 bits, so that a look-up is one memory
/// access. If key and number together need more bits, the slot drops the key's upper bits, and a look-up also compares
/// the whole key.
/// </remarks>
internal sealed unsafe class VertexTable(CrfWorkspace owner) : IDisposable
{
    private const int MinBits = 10;
    private const int MaxInitialBits = 30;
    private const ulong Multiplier = 0x9E3779B97F4A7C15;   // 2⁶⁴ divided by the golden ratio

    private readonly NativeBuffer<ulong> _slots = new(owner);
    private readonly NativeBuffer<long> _keys = new(owner);
    private int _shift = 64 - MinBits;
    private int _idBits;
    private bool _slotsHoldWholeKeys;
    private int _capacity;

    /// <summary>Number of vertices so far.</summary>
    public int Count { get; private set; }

    /// <summary>The key of each vertex.</summary>
    public long* Keys => _keys.Pointer;

    /// <summary>Empties the table. Its initial size is the one that the last image needed.</summary>
    /// <param name="keyBits">Bits in a key.</param>
    /// <param name="maxVertices">Largest possible number of vertices.</param>
    public void Clear(int keyBits, long maxVertices)
    {
        _idBits = BitOperations.Log2((ulong)maxVertices) + 1;
        _slotsHoldWholeKeys = keyBits + _idBits <= 64;
        int bits = MinBits;
        while (bits < MaxInitialBits && 1 << (bits - 1) < Count)
        {
            bits++;
        }

        Count = 0;
        Resize(bits);
    }

    /// <summary>Prefetches the slot of a key.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(long key)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(_slots.Pointer + (((ulong)key * Multiplier) >> _shift));
        }
    }

    /// <summary>The number of a vertex, or −1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Find(long key)
    {
        ulong hash = (ulong)key * Multiplier, mask = ulong.MaxValue >> _shift;
        ulong* slots = _slots.Pointer;
        int idBits = _idBits;
        for (ulong at = hash >> _shift; ; at = (at + 1) & mask)
        {
            ulong slot = slots[at];
            if (slot == 0)
            {
                return -1;
            }

            // If the keys are equal, their bits cancel and only the number plus 1 remains.
            ulong id = slot ^ ((ulong)key << idBits);
            if (id >> idBits == 0 && (_slotsHoldWholeKeys || _keys.Pointer[id - 1] == key))
            {
                return (int)id - 1;
            }
        }
    }

    /// <summary>The number of a vertex. Adds the vertex if it is new.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int FindOrAdd(long key)
    {
        int id = Find(key);
        if (id >= 0)
        {
            return id;
        }

        return Add(key);
    }

    public void Dispose()
    {
        _slots.Dispose();
        _keys.Dispose();
    }

    private int Add(long key)
    {
        if (Count == _capacity)
        {
            Resize(64 - _shift + 1);
        }

        _keys.Pointer[Count] = key;
        Put(key, Count);
        return Count++;
    }

    private void Put(long key, int id)
    {
        ulong hash = (ulong)key * Multiplier, mask = ulong.MaxValue >> _shift, at = hash >> _shift;
        while (_slots.Pointer[at] != 0)
        {
            at = (at + 1) & mask;
        }

        _slots.Pointer[at] = ((ulong)key << _idBits) | (uint)(id + 1);
    }

    /// <summary>Resizes the table to 2^<paramref name="bits"/> slots, half of which may be used.</summary>
    private void Resize(int bits)
    {
        long size = 1L << bits;
        (_shift, _capacity) = (64 - bits, (int)(size / 2));
        _keys.Ensure(_capacity, keep: Count);
        NativeMemory.Clear(_slots.Ensure(size), (nuint)(size * sizeof(ulong)));
        for (int id = 0; id < Count; id++)
        {
            Put(Keys[id], id);
        }
    }
}
