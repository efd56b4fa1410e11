using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using DenseCrf.Buffers;

namespace DenseCrf.Permutohedral;

/// <summary>The vertices that one range of the image touches, numbered in the order of first touch.</summary>
/// <remarks>
/// Open addressing. A slot holds the key and the number side by side in 64 bits, so that a look-up is a single access; where an image
/// needs too many bits, the key loses its upper ones and is compared in full, which lies in order of first touch.
/// </remarks>
internal sealed unsafe class VertexTable(CrfWorkspace owner) : IDisposable
{
    private const int SmallestBits = 10;
    private const ulong Multiplier = 0x9E3779B97F4A7C15;   // 2⁶⁴ over the golden ratio

    private readonly NativeBuffer<ulong> _slots = new(owner);
    private readonly NativeBuffer<long> _keys = new(owner);
    private int _shift = 64 - SmallestBits;
    private int _idBits;
    private bool _whole;
    private int _capacity;

    /// <summary>Vertices so far.</summary>
    public int Count { get; private set; }

    public long* Keys => _keys.Pointer;

    /// <summary>Empties the table. Its first size is that which the last image needed.</summary>
    /// <param name="keyBits">Bits of a key.</param>
    /// <param name="most">Vertices at most.</param>
    public void Clear(int keyBits, long most)
    {
        _idBits = BitOperations.Log2((ulong)most) + 1;
        _whole = keyBits + _idBits <= 64;
        int bits = SmallestBits;
        while (bits < 30 && 1 << (bits - 1) < Count)
        {
            bits++;
        }

        Count = 0;
        Resize(bits);
    }

    /// <summary>Asks for the slot of a key that will be looked up soon.</summary>
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

            // The key's bits cancel, and what is left is the number, unless another bit differs.
            ulong id = slot ^ ((ulong)key << idBits);
            if (id >> idBits == 0 && (_whole || _keys.Pointer[id - 1] == key))
            {
                return (int)id - 1;
            }
        }
    }

    /// <summary>The number of a vertex, which is added if it is new.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int FindOrAdd(long key)
    {
        int id = Find(key);
        return id >= 0 ? id : Add(key);
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

    /// <summary>At most half of the slots are taken.</summary>
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
