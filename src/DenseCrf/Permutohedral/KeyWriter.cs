using System.Runtime.CompilerServices;

namespace DenseCrf.Permutohedral;

/// <summary>
/// Packs the vertices of a simplex into keys. A struct, so that its fields lie on the stack of the loop over pixels.
/// </summary>
internal unsafe struct KeyWriter
{
    private const int MaxCoordinates = 6;

    private readonly int _dimensions;
    private readonly long _bias;
    private fixed int _shifts[MaxCoordinates];
    private fixed long _units[MaxCoordinates];

    /// <param name="shifts">The first bit of each quotient.</param>
    /// <param name="units">
    /// The value of 1 in each quotient; 0 for the last coordinate, which a key does not hold.
    /// </param>
    /// <param name="bias">Added to every key, so that no quotient is negative.</param>
    public KeyWriter(ReadOnlySpan<int> shifts, ReadOnlySpan<long> units, long bias)
    {
        (_dimensions, _bias) = (shifts.Length, bias);
        for (int i = 0; i < shifts.Length; i++)
        {
            _shifts[i] = shifts[i];
            _units[i] = units[i];
        }
    }

    /// <summary>The number of dimensions, d.</summary>
    public readonly int Dimensions => _dimensions;

    /// <summary>Writes the keys of the d + 1 vertices, from remainder 0 to d.</summary>
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
