using System.Runtime.CompilerServices;

namespace DenseCrf.Permutohedral;

/// <summary>Bands of vertices along the difference of two neighbouring coordinates, which one field of a key less the next tells.</summary>
internal readonly struct KeyBands
{
    /// <summary>So many are fine enough for the caches.</summary>
    private const int Most = 64;

    /// <summary>Quotients beyond those of the points: the simplex reaches one further in both coordinates.</summary>
    private const int Margin = 2;

    private readonly int _firstShift, _secondShift, _shift, _last;
    private readonly long _firstMask, _secondMask, _lowest;

    /// <param name="first">Where the quotient of the first coordinate starts, and its bits.</param>
    /// <param name="second">That of the second.</param>
    /// <param name="bias">The difference of the two fields where the coordinates are equal.</param>
    /// <param name="least">The smallest difference of a point, in quotients.</param>
    /// <param name="most">The largest.</param>
    public KeyBands((int Shift, int Bits) first, (int Shift, int Bits) second, long bias, double least, double most)
    {
        (_firstShift, _secondShift) = (first.Shift, second.Shift);
        (_firstMask, _secondMask) = ((1L << first.Bits) - 1, (1L << second.Bits) - 1);
        _lowest = bias + (long)Math.Floor(least) - Margin;
        long highest = bias + (long)Math.Ceiling(most) + Margin;
        while ((highest - _lowest) >> _shift >= Most)
        {
            _shift++;
        }

        _last = (int)((highest - _lowest) >> _shift);
    }

    /// <summary>At least 1: the default value puts all vertices into one band.</summary>
    public int Count => _last + 1;

    /// <summary>The band of a vertex; the outermost bands hold whatever lies beyond.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Of(long key)
    {
        long difference = ((key >> _firstShift) & _firstMask) - ((key >> _secondShift) & _secondMask);
        return Math.Clamp((int)(difference - _lowest) >> _shift, 0, _last);
    }
}
