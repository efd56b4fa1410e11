using DenseCrf.Buffers;

namespace DenseCrf.Permutohedral;

/// <summary>The vertices of all ranges of pixels, sorted by the cell of the lattice in which they lie.</summary>
internal sealed unsafe class LatticeCells(CrfWorkspace owner) : IDisposable
{
    private readonly NativeBuffer<int> _ends = new(owner);
    private readonly NativeBuffer<int> _rows = new(owner);
    private LatticeGrid _grid;
    private int _ranges;

    /// <summary>Computes where each cell starts, after the vertices of all ranges are inserted.</summary>
    public void Place(LatticeGrid grid, ReadOnlySpan<VertexTable> tables, int rows)
    {
        (_grid, _ranges) = (grid, tables.Length);
        _rows.Ensure(rows);
        int* end = _ends.Ensure(((long)grid.Cells * _ranges) + 1) + 1;
        end[-1] = 0;
        int at = 0;
        for (int cell = 0; cell < grid.Cells; cell++)
        {
            foreach (VertexTable table in tables)
            {
                *end++ = at;   // the start, which sorting moves to the end
                at += table.CountOf(cell);
            }
        }
    }

    /// <summary>Sorts the vertices of a range by cell; within a cell they stay in the order of their numbers.</summary>
    /// <param name="range">Number of the range.</param>
    /// <param name="keys">Keys of the range's rows.</param>
    /// <param name="row">Number of the range's first row.</param>
    public void Sort(int range, ReadOnlySpan<long> keys, int row)
    {
        LatticeGrid grid = _grid;
        int* ends = _ends.Pointer + 1 + range, sorted = _rows.Pointer;
        int ranges = _ranges;
        foreach (long key in keys)
        {
            if (key != VertexTable.NoKey)
            {
                sorted[ends[(long)grid.CellOf(key) * ranges]++] = row;
            }

            row++;
        }
    }

    /// <summary>The rows of a range in a cell.</summary>
    public Span<int> Of(int cell, int range) => Between(((long)cell * _ranges) + range, 1);

    /// <summary>The rows of all ranges in consecutive cells.</summary>
    public Span<int> Of(Range cells) => Between((long)cells.Start.Value * _ranges, (long)(cells.End.Value - cells.Start.Value) * _ranges);

    /// <summary>The place of a cell's first row among the rows of all cells.</summary>
    public int StartOf(int cell) => _ends.Pointer[(long)cell * _ranges];

    public void Dispose()
    {
        _ends.Dispose();
        _rows.Dispose();
    }

    private Span<int> Between(long first, long count)
    {
        int start = _ends.Pointer[first];
        return new(_rows.Pointer + start, _ends.Pointer[first + count] - start);
    }
}
