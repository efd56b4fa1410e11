using System.Runtime.CompilerServices;
using DenseCrf.Buffers;

namespace DenseCrf.Permutohedral;

/// <summary>
/// The connections of a lattice's vertices: neighbours along each axis, and vertices that several ranges of pixels
/// share.
/// </summary>
internal sealed unsafe class LatticeLinks(CrfWorkspace owner) : IDisposable
{
    /// <summary>How many vertices ahead the slots of the vertex table are prefetched.</summary>
    private const int VerticesAhead = 8;

    private readonly NativeBuffer<uint> _links = new(owner);
    private readonly NativeBuffer<int> _first = new(owner);
    private readonly LatticeCells _cells = new(owner);
    private readonly List<SharedVertices> _shared = [];
    private readonly List<AxisChains> _chains = [];
    private KernelLattice _lattice = null!;
    private int _ranges;

    /// <summary>
    /// Number of columns. Chains of axes from <see cref="LatticeCells.FirstWithinColumn"/> on stay within a column.
    /// </summary>
    public int Columns => _cells.Columns;

    /// <summary>
    /// Number of cells in a column. Chains of axes from <see cref="LatticeCells.FirstWithinCell"/> on stay within a
    /// cell.
    /// </summary>
    public int CellsPerColumn => _cells.Rows;

    public SharedVertices SharedOf(int range) => _shared[range];

    public AxisChains Chains(int axis) => _chains[axis];

    /// <summary>Prepares for another image, before its vertices are inserted.</summary>
    public void Begin(KeyLayout layout, int ranges) => _cells.Prepare(layout, ranges);

    /// <summary>Counts the vertices of a range, after all of them are inserted.</summary>
    public void Count(int range, VertexTable table) => _cells.Add(range, new(table.Keys, table.Count));

    /// <summary>Allocates the links, after the vertices of all ranges are counted.</summary>
    public void Prepare(KernelLattice lattice, int ranges)
    {
        (_lattice, _ranges) = (lattice, ranges);
        _links.Ensure((long)lattice.RowCount * lattice.Corners);
        _first.Ensure(lattice.RowCount);
        _cells.Place();
        while (_shared.Count < ranges)
        {
            _shared.Add(new SharedVertices(owner));
        }

        while (_chains.Count < lattice.Corners)
        {
            _chains.Add(new AxisChains(owner));
        }
    }

    /// <summary>Finds the vertices that a range shares with earlier ranges.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void FindShared(int range)
    {
        VertexTable own = _lattice.Table(range);
        SharedVertices shared = _shared[range];
        shared.Clear(own.Count);
        int start = _lattice.Base(range);
        KeyLayout layout = _lattice.Layout;
        for (int id = 0; id < own.Count; id++)
        {
            int first = start + id, offset = 0, column = layout.Columns.Of(own.Keys[id]);
            for (int other = 0; other < range; other++)
            {
                int found = _cells.MayHold(other, column, 0) ? _lattice.Table(other).Find(own.Keys[id]) : -1;
                if (found >= 0)
                {
                    first = offset + found;
                    shared.Add(start + id, first);
                    break;
                }

                offset += _lattice.Table(other).Count;
            }

            _first.Pointer[start + id] = first;
        }
    }

    /// <summary>
    /// Finds the next vertex along every axis for each vertex of a range, after all shared vertices are found.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Link(int range)
    {
        VertexTable own = _lattice.Table(range);
        KeyLayout layout = _lattice.Layout;
        VertexTable? other = _ranges == 2 ? _lattice.Table(1 - range) : null;
        KeyBands columns = layout.Columns;
        int start = _lattice.Base(range), corners = _lattice.Corners;
        for (int id = 0; id < own.Count; id++)
        {
            if (id + VerticesAhead < own.Count)
            {
                long later = own.Keys[id + VerticesAhead];
                bool shared = other is not null && _cells.MayHold(1 - range, columns.Of(later), 1);
                for (int axis = 0; axis < corners; axis++)
                {
                    long next = later + layout.Step(later, axis);
                    own.Prefetch(next);
                    if (shared)
                    {
                        other!.Prefetch(next);
                    }
                }
            }

            long key = own.Keys[id];
            bool duplicate = _first.Pointer[start + id] != start + id;
            for (int axis = 0; axis < corners; axis++)
            {
                int next = duplicate ? -1 : Find(key + layout.Step(key, axis), range, own, start);
                _links.Pointer[((long)axis * _lattice.RowCount) + start + id] = (uint)(next + 1);
            }
        }
    }

    /// <summary>
    /// Sorts the vertices of a range by cell, after all links are found. Reuses the memory of the list of first rows.
    /// </summary>
    public void Sort(int range)
    {
        VertexTable own = _lattice.Table(range);
        _cells.Sort(range, new(own.Keys, own.Count), _lattice.Base(range), _first.Pointer);
    }

    /// <summary>Lists the chains of an axis, after all vertices are sorted.</summary>
    public void Chain(int axis)
    {
        uint* links = _links.Pointer + ((long)axis * _lattice.RowCount);
        LatticeCells? cells = axis < LatticeCells.FirstWithinColumn ? null : _cells;
        _chains[axis].Build(links, _lattice.RowCount, _first.Pointer, cells);
    }

    public void Dispose()
    {
        _links.Dispose();
        _first.Dispose();
        _cells.Dispose();
        _shared.ForEach(shared => shared.Dispose());
        _chains.ForEach(chains => chains.Dispose());
    }

    /// <summary>The row of a vertex in the first range that has the vertex, or −1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int Find(long key, int range, VertexTable own, int start)
    {
        int found = own.Find(key);
        if (found >= 0)
        {
            return _first.Pointer[start + found];
        }

        if (_ranges == 1)
        {
            return -1;
        }

        return FindElsewhere(key, range);
    }

    private int FindElsewhere(long key, int range)
    {
        int offset = 0, column = _lattice.Layout.Columns.Of(key);
        for (int other = 0; other < _ranges; other++)
        {
            if (other != range && _cells.MayHold(other, column, 0))
            {
                int found = _lattice.Table(other).Find(key);
                if (found >= 0)
                {
                    return _first.Pointer[offset + found];
                }
            }

            offset += _lattice.Table(other).Count;
        }

        return -1;
    }
}

/// <summary>
/// The vertices that a range of pixels shares with an earlier range, as pairs of rows: the duplicate, which is this
/// range's row, and the row of the first range that has the vertex.
/// </summary>
internal sealed unsafe class SharedVertices(CrfWorkspace owner) : IDisposable
{
    private readonly NativeBuffer<(int Duplicate, int First)> _pairs = new(owner);

    public int Count { get; private set; }

    public void Clear(int capacity)
    {
        _pairs.Ensure(capacity);
        Count = 0;
    }

    public void Add(int duplicate, int first) => _pairs.Pointer[Count++] = (duplicate, first);

    /// <summary>
    /// Part <paramref name="part"/> of <paramref name="parts"/> equal parts of the list. No two pairs contain the same
    /// row.
    /// </summary>
    public ReadOnlySpan<(int Duplicate, int First)> Part(int part, int parts)
    {
        int start = (int)((long)Count * part / parts), end = (int)((long)Count * (part + 1) / parts);
        return new(_pairs.Pointer + start, end - start);
    }

    public void Dispose() => _pairs.Dispose();
}
