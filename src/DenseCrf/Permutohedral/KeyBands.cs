using System.Runtime.CompilerServices;

namespace DenseCrf.Permutohedral;

/// <summary>
/// Divides vertices into bands by the difference of two consecutive coordinates, which are two fields of the vertex's
/// key.
/// </summary>
internal readonly struct KeyBands
{
    /// <summary>Largest number of bands. With so many the rows of a band fit into the caches.</summary>
    private const int MaxBands = 64;

    /// <summary>
    /// How far the difference of a vertex may exceed that of the points: the simplex reaches one further in both
    /// coordinates.
    /// </summary>
    private const int Margin = 2;

    private readonly int _firstShift, _secondShift, _shift, _last;
    private readonly long _firstMask, _secondMask, _lowest;

    /// <param name="first">First bit and number of bits of the first coordinate's quotient.</param>
    /// <param name="second">First bit and number of bits of the second coordinate's quotient.</param>
    /// <param name="bias">The difference of the two fields if the coordinates are equal.</param>
    /// <param name="min">The smallest difference of a point, in quotients.</param>
    /// <param name="max">The largest difference of a point, in quotients.</param>
    public KeyBands((int Shift, int Bits) first, (int Shift, int Bits) second, long bias, double min, double max)
    {
        (_firstShift, _secondShift) = (first.Shift, second.Shift);
        (_firstMask, _secondMask) = ((1L << first.Bits) - 1, (1L << second.Bits) - 1);
        _lowest = bias + (long)Math.Floor(min) - Margin;
        long highest = bias + (long)Math.Ceiling(max) + Margin;
        while ((highest - _lowest) >> _shift >= MaxBands)
        {
            _shift++;
        }

        _last = (int)((highest - _lowest) >> _shift);
    }

    /// <summary>Whether a step to the next coordinate always leads to the next band.</summary>
    public bool AreUnits => _shift == 0;

    /// <summary>Number of bands, at least 1. The default value has one band for all vertices.</summary>
    public int Count => _last + 1;

    /// <summary>The band of a vertex. Differences beyond the outermost bands belong to these.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Of(long key)
    {
        long difference = ((key >> _firstShift) & _firstMask) - ((key >> _secondShift) & _secondMask);
        return Math.Clamp((int)(difference - _lowest) >> _shift, 0, _last);
    }
}

/// <summary>
/// Divides vertices into cells: first into columns, which are bands along x, and a column into bands along y.
/// </summary>
/// <remarks>
/// The first coordinate less the second is twice the scaled x. No step along axes 2 to d changes it, so neighbours
/// along these axes lie in one column. The second coordinate less the third is the place along y; no step along axes 3
/// to d changes it, so neighbours along these axes lie in one cell, and every step along axis 2 increases it. Work that
/// goes cell by cell stays in the caches.
/// </remarks>
/// <param name="columns">Bands along x.</param>
/// <param name="rows">Bands along y.</param>
internal readonly struct LatticeGrid(KeyBands columns, KeyBands rows)
{
    /// <summary>The first axis along which neighbours lie in one column.</summary>
    public const int FirstWithinColumn = 2;

    /// <summary>The first axis along which neighbours lie in one cell.</summary>
    public const int FirstWithinCell = 3;

    private readonly KeyBands _columns = columns, _rows = rows;

    /// <summary>Number of columns; some may be empty.</summary>
    public int Columns => _columns.Count;

    /// <summary>Number of cells in each column.</summary>
    public int Rows => _rows.Count;

    /// <summary>Number of cells in all columns.</summary>
    public int Cells => Columns * Rows;

    /// <summary>
    /// Whether the vertices of a cell have their neighbours along an axis in one cell: in the same one, or in
    /// another if every band has the width of one step.
    /// </summary>
    public bool KeepsTogether(int axis) => axis >= FirstWithinCell || (_columns.AreUnits && _rows.AreUnits);

    /// <summary>The cell of a vertex. The cells of a column follow each other.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int CellOf(long key) => (_columns.Of(key) * _rows.Count) + _rows.Of(key);
}
