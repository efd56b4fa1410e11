using System.Runtime.CompilerServices;
using DenseCrf.Buffers;

namespace DenseCrf.Permutohedral;

/// <summary>The vertices sorted by where they lie along x, their column, and within it along y, their cell.</summary>
/// <remarks>
/// The first coordinate less the second is twice the scaled x, and no step along axes 2 to d changes it: what these axes join lies in one
/// column. The second less the third places a vertex within its column along y, and does not change along axes 3 to d.
/// So the blur of those axes can stay where its rows are in the cache, and columns need not wait for each other.
/// </remarks>
internal sealed unsafe class LatticeCells(CrfWorkspace owner) : IDisposable
{
    /// <summary>Axes before this one leave the column.</summary>
    public const int FirstWithinColumn = 2;

    /// <summary>Axes before this one leave the cell.</summary>
    public const int FirstWithinCell = 3;

    private readonly NativeBuffer<int> _starts = new(owner);
    private readonly NativeBuffer<(int First, int Last)> _columns = new(owner);
    private KeyLayout _layout = null!;
    private int _ranges;

    /// <summary>Columns of the image, some of which may be empty.</summary>
    public int Columns => _layout.Columns.Count;

    /// <summary>Cells of each column.</summary>
    public int Rows => _layout.Rows.Count;

    /// <summary>Cells of all columns.</summary>
    public int Count => Columns * Rows;

    public void Prepare(KeyLayout layout, int ranges)
    {
        (_layout, _ranges) = (layout, ranges);
        _starts.Ensure((long)Count * ranges);
        _columns.Ensure(ranges);
    }

    /// <summary>Counts the vertices of a range, by cell.</summary>
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

    /// <summary>Whether a vertex within <paramref name="distance"/> columns of this one can be a range's.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool MayHold(int range, int column, int distance)
    {
        (int first, int last) = _columns.Pointer[range];
        return column >= first - distance && column <= last + distance;
    }

    /// <summary>Gives every cell its place, once all ranges are counted.</summary>
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

    /// <summary>Puts the vertices of a range into their places, in each cell in the order of their numbers.</summary>
    /// <param name="range">Which.</param>
    /// <param name="keys">Of its vertices.</param>
    /// <param name="id">Number of the first of them.</param>
    /// <param name="sorted">The numbers of all ranges.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Sort(int range, ReadOnlySpan<long> keys, int id, int* sorted)
    {
        int* places = Starts(range);
        foreach (long key in keys)
        {
            sorted[places[(_layout.Columns.Of(key) * Rows) + _layout.Rows.Of(key)]++] = id++;
        }
    }

    /// <summary>Where a cell ends among the sorted numbers.</summary>
    public int End(int cell) => Starts(_ranges - 1)[cell];

    public void Dispose()
    {
        _starts.Dispose();
        _columns.Dispose();
    }

    private int* Starts(int range) => _starts.Pointer + ((long)range * Count);
}
