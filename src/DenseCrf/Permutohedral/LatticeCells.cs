using System.Runtime.CompilerServices;
using DenseCrf.Buffers;

namespace DenseCrf.Permutohedral;

/// <summary>
/// Sorts the vertices by their column, which is their place along x, and within a column by their cell, which is their
/// place along y.
/// </summary>
/// <remarks>
/// The first coordinate less the second is twice the scaled x. No step along axes 2 to d changes it, so neighbours
/// along these axes lie in one column. The second coordinate less the third is the place along y; no step along axes 3
/// to d changes it. The blur along these axes can therefore work column by column and cell by cell, while the rows are
/// in the cache, and columns do not wait for each other.
/// </remarks>
internal sealed unsafe class LatticeCells(CrfWorkspace owner) : IDisposable
{
    /// <summary>The first axis along which neighbours lie in one column.</summary>
    public const int FirstWithinColumn = 2;

    /// <summary>The first axis along which neighbours lie in one cell.</summary>
    public const int FirstWithinCell = 3;

    private readonly NativeBuffer<int> _starts = new(owner);
    private readonly NativeBuffer<(int First, int Last)> _columns = new(owner);
    private KeyLayout _layout = null!;
    private int _ranges;

    /// <summary>Number of columns; some may be empty.</summary>
    public int Columns => _layout.Columns.Count;

    /// <summary>Number of cells in each column.</summary>
    public int Rows => _layout.Rows.Count;

    /// <summary>Number of cells in all columns.</summary>
    public int Count => Columns * Rows;

    public void Prepare(KeyLayout layout, int ranges)
    {
        (_layout, _ranges) = (layout, ranges);
        _starts.Ensure((long)Count * ranges);
        _columns.Ensure(ranges);
    }

    /// <summary>Counts the vertices of a range of pixels in each cell.</summary>
    public void Add(int range, ReadOnlySpan<long> keys)
    {
        int* counts = Starts(range);
        new Span<int>(counts, Count).Clear();
        int first = Columns, last = -1;
        foreach (long key in keys)
        {
            int column = _layout.Columns.Of(key);
            (first, last) = (Math.Min(first, column), Math.Max(last, column));
            counts[(column * Rows) + _layout.Rows.Of(key)]++;
        }

        _columns.Pointer[range] = (first, last);
    }

    /// <summary>Whether a range may have a vertex within <paramref name="distance"/> columns of this column.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool MayHold(int range, int column, int distance)
    {
        (int first, int last) = _columns.Pointer[range];
        return column >= first - distance && column <= last + distance;
    }

    /// <summary>Computes where each cell starts, after all ranges are counted.</summary>
    public void Place()
    {
        int at = 0;
        for (int cell = 0; cell < Count; cell++)
        {
            for (int range = 0; range < _ranges; range++)
            {
                ref int start = ref Starts(range)[cell];
                (start, at) = (at, at + start);
            }
        }
    }

    /// <summary>Sorts the vertices of a range by cell; within a cell they stay in the order of their numbers.</summary>
    /// <param name="range">Number of the range.</param>
    /// <param name="keys">Keys of the range's vertices.</param>
    /// <param name="id">Number of the range's first vertex.</param>
    /// <param name="sorted">Receives the numbers of the vertices.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Sort(int range, ReadOnlySpan<long> keys, int id, int* sorted)
    {
        int* places = Starts(range);
        foreach (long key in keys)
        {
            sorted[places[(_layout.Columns.Of(key) * Rows) + _layout.Rows.Of(key)]++] = id++;
        }
    }

    /// <summary>The end of a cell among the sorted numbers.</summary>
    public int End(int cell) => Starts(_ranges - 1)[cell];

    public void Dispose()
    {
        _starts.Dispose();
        _columns.Dispose();
    }

    private int* Starts(int range) => _starts.Pointer + ((long)range * Count);
}
