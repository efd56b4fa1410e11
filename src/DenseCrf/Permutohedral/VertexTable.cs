using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using DenseCrf.Buffers;

namespace DenseCrf.Permutohedral;

/// <summary>
/// A hash table of the vertices that one range of pixels touches, with a row number for each.
/// </summary>
/// <remarks>
/// Every cell of the lattice has slots of its own. Near pixels touch few cells, whose slots stay in the second-level
/// cache; in one table for all cells each look-up would miss it. A cell takes its row numbers a chunk at a time, in the
/// order of first touch, so that the rows of near vertices lie side by side.
/// </remarks>
internal sealed unsafe class VertexTable(CrfWorkspace owner) : IDisposable
{
    /// <summary>Row numbers that a cell of many vertices takes at a time.</summary>
    public const int LargeChunk = 64;

    /// <summary>The key of a row without a vertex, at the end of a cell's last chunk.</summary>
    public const long NoKey = -1;

    /// <summary>
    /// Row numbers that a cell of few vertices takes at a time, and how many vertices are many. What is stored for a chunk
    /// of rows fills cache lines.
    /// </summary>
    private const int SmallChunk = 16, LargeFrom = 256;

    private const int MinSizeBits = 3;

    private readonly NativeBuffer<ulong> _slots = new(owner);
    private readonly NativeBuffer<long> _keys = new(owner);
    private readonly NativeBuffer<CellSlots> _cells = new(owner);
    private readonly Stack<long>[] _free = [.. Enumerable.Range(0, 32).Select(_ => new Stack<long>())];
    private long _used;
    private VertexIndex _index;

    /// <summary>Number of rows so far, those without a vertex included.</summary>
    public int Rows { get; private set; }

    /// <summary>The key of each row's vertex, or <see cref="NoKey"/>.</summary>
    public long* Keys => _index.Keys;

    /// <summary>The keys of all rows.</summary>
    public ReadOnlySpan<long> KeysOfRows => new(_index.Keys, Rows);

    /// <summary>Looks vertices up; valid until a vertex is added.</summary>
    public VertexIndex Index => _index;

    /// <summary>Number of vertices in a cell so far.</summary>
    public int CountOf(int cell) => _cells.Pointer[cell].Count;

    /// <summary>Empties the table.</summary>
    /// <param name="keyBits">Bits in a key.</param>
    /// <param name="cells">Number of cells.</param>
    /// <param name="maxVertices">Largest possible number of vertices.</param>
    public void Clear(int keyBits, int cells, long maxVertices)
    {
        int idBits = BitOperations.Log2((ulong)(maxVertices + ((long)cells * LargeChunk))) + 1;
        (Rows, _used) = (0, 0);
        Array.ForEach(_free, regions => regions.Clear());
        _index = new VertexIndex(_cells.Ensure(cells), idBits, keyBits + idBits <= 64)
        {
            Slots = _slots.Ensure((long)cells << (MinSizeBits + VertexIndex.BucketBits)),
            Keys = _keys.Ensure(1 << 10),
        };
        for (int cell = 0; cell < cells; cell++)
        {
            _index.Cells[cell] = new CellSlots(Allocate(MinSizeBits), MinSizeBits);
        }
    }

    /// <summary>The first slot of a key's bucket, which is prefetched.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public long Prefetch(int cell, long key) => _index.Prefetch(cell, key);

    /// <summary>The number of a vertex whose bucket is prefetched. Adds the vertex if it is new.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int FindOrAdd(int cell, long bucket, long key)
    {
        int id = _index.FindIn(bucket, key);
        if (id >= 0)
        {
            return id;
        }

        return _index.IsOnly(cell, bucket, key) ? Add(cell, key) : FindOrAdd(cell, key);
    }

    /// <summary>The number of a vertex. Adds the vertex if it is new.</summary>
    public int FindOrAdd(int cell, long key)
    {
        int id = _index.Find(cell, key);
        if (id >= 0)
        {
            return id;
        }

        return Add(cell, key);
    }

    public void Dispose()
    {
        _slots.Dispose();
        _keys.Dispose();
        _cells.Dispose();
    }

    private int Add(int cell, long key)
    {
        CellSlots* slots = _index.Cells + cell;
        if (slots->Count == slots->Capacity)
        {
            Grow(slots);
        }

        if (slots->NextRow == slots->EndRow)
        {
            TakeChunk(slots);
        }

        int row = slots->NextRow++;
        _index.Keys[row] = key;
        _index.Put(slots, key, row);
        slots->Count++;
        return row;
    }

    /// <summary>Takes the row numbers of a chunk for a cell.</summary>
    private void TakeChunk(CellSlots* cell)
    {
        int first = Rows, chunk = cell->Count < LargeFrom ? SmallChunk : LargeChunk;
        Rows = checked(first + chunk);
        (cell->NextRow, cell->EndRow) = (first, Rows);
        _index.Keys = _keys.Extend(Rows, keep: first);
        new Span<long>(_index.Keys + first, chunk).Fill(NoKey);
    }

    /// <summary>Doubles the slots of a cell.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Grow(CellSlots* cell)
    {
        CellSlots old = *cell;
        *cell = new CellSlots(Allocate(old.SizeBits + 1), old.SizeBits + 1)
        {
            Count = old.Count,
            NextRow = old.NextRow,
            EndRow = old.EndRow,
        };
        for (long at = old.Start; at < old.Start + old.Slots; at++)
        {
            int id = _index.IdAt(at);
            if (id >= 0)
            {
                _index.Put(cell, _index.Keys[id], id);
            }
        }

        _free[old.SizeBits].Push(old.Start);
    }

    /// <summary>Takes empty slots: those that a cell has outgrown, or else new ones.</summary>
    private long Allocate(int sizeBits)
    {
        long slots = 1L << (sizeBits + VertexIndex.BucketBits);
        if (!_free[sizeBits].TryPop(out long start))
        {
            (start, _used) = (_used, _used + slots);
            _index.Slots = _slots.Extend(_used, keep: start);
        }

        NativeMemory.Clear(_index.Slots + start, (nuint)slots * sizeof(ulong));
        return start;
    }
}

/// <summary>The slots of a cell.</summary>
/// <param name="start">The first slot.</param>
/// <param name="sizeBits">Logarithm of the number of buckets.</param>
internal struct CellSlots(long start, int sizeBits)
{
    public readonly long Start = start;

    public readonly int SizeBits = sizeBits;

    /// <summary>Number of vertices in the cell.</summary>
    public int Count;

    /// <summary>The row number of the cell's next vertex, and the end of the row numbers that the cell has taken.</summary>
    public int NextRow, EndRow;

    public readonly long Slots => 1L << (SizeBits + VertexIndex.BucketBits);

    /// <summary>Half of the slots may be used.</summary>
    public readonly int Capacity => 1 << (SizeBits + VertexIndex.BucketBits - 1);
}

/// <summary>Looks up vertices.</summary>
/// <remarks>
/// A slot holds a vertex's key and its number plus 1 in 64 bits. Eight slots, a cache line, are a bucket, which is
/// compared at once; a bucket fills from the front, and what does not fit goes to the next bucket. If key and number
/// together need more bits, the slot drops the key's upper bits, and a look-up also compares the whole key.
/// </remarks>
internal unsafe struct VertexIndex(CellSlots* cells, int idBits, bool slotsHoldWholeKeys)
{
    /// <summary>Logarithm of the number of slots in a bucket.</summary>
    public const int BucketBits = 3;

    private const int BucketSlots = 1 << BucketBits;

    private const ulong Multiplier = 0x9E3779B97F4A7C15;   // 2⁶⁴ divided by the golden ratio

    public readonly CellSlots* Cells = cells;
    public ulong* Slots;
    public long* Keys;

    private readonly ulong _idMask = (1UL << idBits) - 1;

    /// <summary>The first slot of a key's bucket, which is prefetched.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly long Prefetch(int cell, long key)
    {
        long bucket = Cells[cell].Start + ((long)Bucket(Cells[cell].SizeBits, key) << BucketBits);
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(Slots + bucket);
        }

        return bucket;
    }

    /// <summary>
    /// The number of a vertex, or −1. May not find a vertex that is there: one in another bucket, or one whose cell has
    /// got other slots since the bucket was prefetched.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly int FindIn(long bucket, long key)
    {
        uint matches = Matches(Slots + bucket, key);
        ulong slot = Slots[bucket + BitOperations.TrailingZeroCount(matches | (1 << (BucketSlots - 1)))];
        int id = (int)(slot & _idMask) - 1;
        return id | -Convert.ToInt32(matches == 0 || !slotsHoldWholeKeys);
    }

    /// <summary>Whether a bucket that a vertex was not found in is the only one that it may be in.</summary>
    public readonly bool IsOnly(int cell, long bucket, long key) =>
        slotsHoldWholeKeys && Slots[bucket + BucketSlots - 1] == 0
        && bucket == Cells[cell].Start + ((long)Bucket(Cells[cell].SizeBits, key) << BucketBits);

    /// <summary>The number of a vertex, or −1.</summary>
    public readonly int Find(int cell, long key) =>
        Find(cell, Cells[cell].Start + ((long)Bucket(Cells[cell].SizeBits, key) << BucketBits), key);

    /// <summary>The number of a vertex, or −1.</summary>
    /// <remarks>
    /// Has no branch on whether the vertex is there, because that cannot be predicted for a neighbour.
    /// </remarks>
    /// <param name="cell">The vertex's cell.</param>
    /// <param name="start">The first slot of the key's bucket.</param>
    /// <param name="key">The vertex's key.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly int Find(int cell, long start, long key)
    {
        ulong* bucket = Slots + start;
        uint matches = Matches(bucket, key);
        int isThere = Convert.ToInt32(matches != 0), hasRoom = Convert.ToInt32(bucket[BucketSlots - 1] == 0);
        if (!slotsHoldWholeKeys || (isThere | hasRoom) == 0)
        {
            return FindBeyond(cell, key);
        }

        ulong slot = bucket[BitOperations.TrailingZeroCount(matches | (1 << (BucketSlots - 1)))];
        return ((int)(slot & _idMask) - 1) | (isThere - 1);
    }

    /// <summary>Enters a vertex that is not in the cell.</summary>
    public readonly void Put(CellSlots* cell, long key, int id)
    {
        ulong mask = (1UL << cell->SizeBits) - 1;
        for (ulong at = Bucket(cell->SizeBits, key); ; at = (at + 1) & mask)
        {
            ulong* bucket = Slots + cell->Start + ((long)at << BucketBits);
            uint empty = Empty(bucket);
            if (empty != 0)
            {
                bucket[BitOperations.TrailingZeroCount(empty)] = ((ulong)key << idBits) | (uint)(id + 1);
                return;
            }
        }
    }

    /// <summary>The number of the vertex in a slot, or −1.</summary>
    public readonly int IdAt(long slot) => (int)(Slots[slot] & _idMask) - 1;

    /// <summary>Finds a vertex in any bucket, and by its whole key.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private readonly int FindBeyond(int cell, long key)
    {
        CellSlots* own = Cells + cell;
        ulong mask = (1UL << own->SizeBits) - 1;
        for (ulong at = Bucket(own->SizeBits, key); ; at = (at + 1) & mask)
        {
            ulong* bucket = Slots + own->Start + ((long)at << BucketBits);
            for (uint matches = Matches(bucket, key); matches != 0; matches &= matches - 1)
            {
                int id = (int)(bucket[BitOperations.TrailingZeroCount(matches)] & _idMask) - 1;
                if (id >= 0 && Keys[id] == key)
                {
                    return id;
                }
            }

            if (bucket[BucketSlots - 1] == 0)
            {
                return -1;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Bucket(int sizeBits, long key) => ((ulong)key * Multiplier) >> (64 - sizeBits);

    /// <summary>The empty slots of a bucket, as bits.</summary>
    private static uint Empty(ulong* bucket)
    {
        uint lower = Vector256.Equals(Vector256.Load(bucket), Vector256<ulong>.Zero).ExtractMostSignificantBits();
        return lower | (Vector256.Equals(Vector256.Load(bucket + 4), Vector256<ulong>.Zero).ExtractMostSignificantBits() << 4);
    }

    /// <summary>
    /// The slots of a bucket whose key is the wanted one, as bits. With key 0 also the empty ones, whose number is −1.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly uint Matches(ulong* bucket, long key)
    {
        ulong wanted = ((ulong)key << idBits) >> idBits;
        if (Vector512.IsHardwareAccelerated)
        {
            return (uint)Vector512.Equals(Vector512.Load(bucket) >> idBits, Vector512.Create(wanted)).ExtractMostSignificantBits();
        }

        Vector256<ulong> lower = Vector256.Load(bucket) >> idBits, upper = Vector256.Load(bucket + 4) >> idBits;
        return Vector256.Equals(lower, Vector256.Create(wanted)).ExtractMostSignificantBits()
            | (Vector256.Equals(upper, Vector256.Create(wanted)).ExtractMostSignificantBits() << 4);
    }
}
