using System.Runtime.CompilerServices;
using DenseCrf.Buffers;

namespace DenseCrf.Permutohedral;

/// <summary>
/// The connections of a lattice's vertices: neighbours along each axis, and vertices that several ranges of pixels
/// share.
/// </summary>
internal sealed unsafe class LatticeLinks(CrfWorkspace owner) : IDisposable
{
    private const int FirstWithinColumn = LatticeGrid.FirstWithinColumn;

    private readonly NativeBuffer<uint> _across = new(owner);
    private readonly NativeBuffer<uint> _within = new(owner);
    private readonly LatticeCells _cells = new(owner);
    private readonly List<SharedVertices> _shared = [];
    private readonly List<AxisChains> _chains = [];
    private VertexTable[] _tables = [];
    private RangeVertices[] _vertices = [];
    private KeyLayout _layout = null!;
    private int _rows;

    public SharedVertices SharedOf(int range) => _shared[range];

    /// <summary>
    /// The chains of an axis. Those of the first two axes are one group. Those of the others have a group for each cell, in
    /// which they start; along the third axis they go on to later cells of the column.
    /// </summary>
    public AxisChains Chains(int axis) => _chains[axis];

    /// <summary>Allocates the links, after the vertices of all ranges are inserted.</summary>
    /// <param name="layout">The lattice's keys.</param>
    /// <param name="tables">The vertices of each range.</param>
    public void Prepare(KeyLayout layout, ReadOnlySpan<VertexTable> tables)
    {
        (_layout, _tables, _vertices, _rows) = (layout, tables.ToArray(), new RangeVertices[tables.Length], 0);
        for (int range = 0; range < tables.Length; range++)
        {
            _vertices[range] = new RangeVertices(tables[range].Index, _rows);
            _rows = checked(_rows + tables[range].Rows);
        }

        while (_shared.Count < tables.Length)
        {
            _shared.Add(new SharedVertices(owner));
        }

        _cells.Place(layout.Grid, tables, _rows);
        _across.Ensure((long)_rows * FirstWithinColumn);
        _within.Ensure((long)_rows * (layout.Dimensions + 1 - FirstWithinColumn));
        for (int axis = 0; axis <= layout.Dimensions; axis++)
        {
            if (axis == _chains.Count)
            {
                _chains.Add(new AxisChains(owner));
            }

            _chains[axis].Prepare(_rows, axis < FirstWithinColumn ? 1 : layout.Grid.Cells);
        }
    }

    /// <summary>Sorts the vertices of a range by cell, and clears their links.</summary>
    public void Sort(int range)
    {
        int first = _vertices[range].FirstRow, count = _tables[range].Rows;
        _cells.Sort(range, _tables[range].KeysOfRows, first);
        int within = _layout.Dimensions + 1 - FirstWithinColumn;
        new Span<uint>(_within.Pointer + ((long)first * within), count * within).Clear();
        for (int axis = 0; axis < FirstWithinColumn; axis++)
        {
            new Span<uint>(_across.Pointer + ((long)axis * _rows) + first, count).Clear();
        }
    }

    /// <summary>
    /// Finds the vertices that a range shares with earlier ranges, after all ranges are sorted. Their rows become
    /// complements in the list of the cell.
    /// </summary>
    public void FindShared(int range)
    {
        SharedVertices shared = _shared[range];
        shared.Clear();
        for (int cell = 0; cell < _layout.Grid.Cells; cell++)
        {
            for (int earlier = 0; earlier < range; earlier++)
            {
                if (_tables[earlier].CountOf(cell) > 0)
                {
                    FindShared(range, earlier, cell);
                }
            }
        }
    }

    /// <summary>
    /// Finds the neighbours of the vertices in a column, and lists the chains that stay within the column, after all
    /// shared vertices are found.
    /// </summary>
    public void LinkColumn(int column)
    {
        int cells = _layout.Grid.Rows, first = column * cells;
        for (int cell = first; cell < first + cells; cell++)
        {
            for (int range = 0; range < _tables.Length; range++)
            {
                for (int axis = 0; axis <= _layout.Dimensions; axis++)
                {
                    Link(cell, range, axis);
                }
            }

            for (int axis = LatticeGrid.FirstWithinCell; axis <= _layout.Dimensions; axis++)
            {
                _chains[axis].List(cell, _cells.StartOf(cell), _cells.Of(cell..(cell + 1)), Links(axis));
            }
        }

        int start = _cells.StartOf(first);
        for (int cell = first; cell < first + cells; cell++)
        {
            start = _chains[FirstWithinColumn].List(cell, start, _cells.Of(cell..(cell + 1)), Links(FirstWithinColumn));
        }
    }

    /// <summary>Lists the chains of one of the first two axes, after all columns are linked.</summary>
    public void ListAcross(int axis)
    {
        AxisLinks links = Links(axis);
        for (int row = 0; row < _rows; row++)
        {
            links.MarkNext(row, links.Next(row));
        }

        _chains[axis].List(0, 0, _cells.Of(0.._layout.Grid.Cells), links);
    }

    public void Dispose()
    {
        _across.Dispose();
        _within.Dispose();
        _cells.Dispose();
        _shared.ForEach(shared => shared.Dispose());
        _chains.ForEach(chains => chains.Dispose());
    }

    private void FindShared(int range, int earlier, int cell)
    {
        VertexIndex other = _tables[earlier].Index;
        foreach (ref int row in _cells.Of(cell, range))
        {
            if (row >= 0)
            {
                int found = other.Find(cell, _tables[range].Keys[row - _vertices[range].FirstRow]);
                if (found >= 0)
                {
                    _shared[range].Add(row, _vertices[earlier].FirstRow + found);
                    row = ~row;
                }
            }
        }
    }

    /// <summary>
    /// The links of an axis. Those of the first two axes are apart, because two threads list their chains at the same
    /// time.
    /// </summary>
    private AxisLinks Links(int axis)
    {
        if (axis < FirstWithinColumn)
        {
            return new AxisLinks(_across.Pointer + ((long)axis * _rows), 1);
        }

        return new AxisLinks(_within.Pointer + axis - FirstWithinColumn, _layout.Dimensions + 1 - FirstWithinColumn);
    }

    /// <summary>Links the vertices of a range in a cell along an axis.</summary>
    private void Link(int cell, int range, int axis)
    {
        ReadOnlySpan<int> rows = _cells.Of(cell, range);
        LatticeGrid grid = _layout.Grid;
        AxisStep step = _layout.Step(axis);
        AxisLinks links = Links(axis);
        long* keys = _tables[range].Keys - _vertices[range].FirstRow;
        if (!rows.IsEmpty && grid.KeepsTogether(axis))
        {
            int first = rows[0] ^ (rows[0] >> 31);
            int target = grid.CellOf(step.Next(keys[first]));
            if (OnlyRangeIn(target) is { } only)
            {
                Link(rows, keys, step, links, target, only, marks: axis >= FirstWithinColumn);
                return;
            }
        }

        foreach (int row in rows)
        {
            if (row >= 0)
            {
                long key = step.Next(keys[row]);
                int next = RowOf(grid.CellOf(key), key);
                links.Set(row, next);
                if (axis >= FirstWithinColumn)
                {
                    links.MarkNext(row, next);
                }
            }
        }
    }

    /// <summary>Links vertices to those of one range in one cell.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Link(
        ReadOnlySpan<int> rows, long* keys, AxisStep step, AxisLinks links, int target, in RangeVertices vertices, bool marks)
    {
        const int Block = 64;
        VertexIndex index = vertices.Index;
        int firstRow = vertices.FirstRow;
        int* own = stackalloc int[Block], next = stackalloc int[Block];
        long* wanted = stackalloc long[Block], buckets = stackalloc long[Block];
        for (int block = 0; block < rows.Length; block += Block)
        {
            int count = 0;
            foreach (int row in rows[block..Math.Min(block + Block, rows.Length)])
            {
                own[count] = row;
                wanted[count] = step.Next(keys[row ^ (row >> 31)]);
                buckets[count] = index.Prefetch(target, wanted[count]);
                count += 1 + (row >> 31);
            }

            for (int i = 0; i < count; i++)
            {
                int found = index.Find(target, buckets[i], wanted[i]);
                next[i] = (found + firstRow) | (found >> 31);
                links.Set(own[i], next[i]);
            }

            for (int i = 0; i < count && marks; i++)
            {
                links.MarkNext(own[i], next[i]);
            }
        }
    }

    /// <summary>The one range that has vertices in a cell; null if none has, or several.</summary>
    private RangeVertices? OnlyRangeIn(int cell)
    {
        RangeVertices? only = null;
        foreach (RangeVertices range in _vertices)
        {
            if (range.Index.Cells[cell].Count > 0)
            {
                if (only is not null)
                {
                    return null;
                }

                only = range;
            }
        }

        return only;
    }

    /// <summary>The row of a vertex in the first range that has the vertex, or −1.</summary>
    private int RowOf(int cell, long key)
    {
        foreach (ref readonly RangeVertices range in _vertices.AsSpan())
        {
            if (range.Index.Cells[cell].Count > 0)
            {
                int found = range.Index.Find(cell, key);
                if (found >= 0)
                {
                    return range.FirstRow + found;
                }
            }
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

    public void Clear() => Count = 0;

    public void Add(int duplicate, int first)
    {
        _pairs.Extend(Count + 1, keep: Count)[Count] = (duplicate, first);
        Count++;
    }

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

/// <summary>The vertices of a range of pixels.</summary>
/// <param name="index">Looks them up.</param>
/// <param name="firstRow">The row of the first of them.</param>
internal readonly struct RangeVertices(VertexIndex index, int firstRow)
{
    public readonly VertexIndex Index = index;

    public readonly int FirstRow = firstRow;
}
