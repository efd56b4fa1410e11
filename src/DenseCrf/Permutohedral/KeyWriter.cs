using System.Runtime.CompilerServices;

namespace DenseCrf.Permutohedral;

/// <summary>Packs the vertices of a simplex. A plain value, so that its fields stay where the loop over pixels is.</summary>
internal unsafe struct KeyWriter
{
    private const int MaxCoordinates = 6;

    private readonly int _dimensions;
    private readonly long _bias;
    private fixed int _shifts[MaxCoordinates];
    private fixed long _units[MaxCoordinates];

    /// <param name="shifts">Where each quotient starts.</param>
    /// <param name="units">What one less in a quotient subtracts; 0 for the last coordinate, which is implied.</param>
    /// <param name="bias">Added once, so that no quotient is negative.</param>
    public KeyWriter(ReadOnlySpan<int> shifts, ReadOnlySpan<long> units, long bias)
    {
        (_dimensions, _bias) = (shifts.Length, bias);
        for (int i = 0; i < shifts.Length; i++)
        {
            _shifts[i] = shifts[i];
            _units[i] = units[i];
        }
    }

    /// <summary>The keys of the d + 1 vertices, from remainder 0 to d.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Write(in SimplexBlock simplex, int point, long* keys)
    {
        int d = _dimensions;
        long key = _bias;
        for (int i = 0; i < d; i++)
        {
            key += (long)simplex.Quotient(i, point) << _shifts[i];
        }

        keys[0] = key;
        for (int k = 1; k <= d; k++)
        {
            key += 1 - _units[simplex.Coordinate(d - k + 1, point)];
            keys[k] = key;
        }
    }
}
