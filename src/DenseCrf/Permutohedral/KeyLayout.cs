using System.Numerics;

namespace DenseCrf.Permutohedral;

/// <summary>How the coordinates of a vertex are packed into 64 bits.</summary>
/// <remarks>
/// All coordinates of a vertex leave the same remainder k modulo d + 1, so a key holds their quotients and k once. The next vertex of
/// a simplex and the neighbours along an axis are then one addition away. Each quotient gets as many bits as the image needs.
/// </remarks>
internal sealed class KeyLayout
{
    /// <summary>A coordinate of the reference is 16 bits wide and wraps silently; here such parameters are refused.</summary>
    private const double LargestCoordinate = short.MaxValue;

    /// <summary>Quotients beyond those of the points: the simplex reaches one further, a neighbour another.</summary>
    private const int Margin = 3;

    private const int RemainderBits = 3;

    private readonly long[] _units;
    private readonly long[] _steps;

    /// <exception cref="ArgumentException">The deviations are so small that coordinates leave their range.</exception>
    public KeyLayout(FeatureScale[] scales)
    {
        int d = scales.Length, shift = RemainderBits;
        (Dimensions, _units, _steps) = (d, new long[d + 1], new long[2 * (d + 1)]);
        int[] shifts = new int[d], bits = new int[d];
        long[] lowests = new long[d];
        long bias = 0;
        double rest = scales.Sum(s => (double)s.Largest);
        for (int i = 0; i < d; i++)
        {
            // e[i] is the sum of the scaled features after i, less i times its own; e[0] is the sum of all.
            double own = i == 0 ? 0 : scales[i - 1].Largest;
            double most = rest -= own, least = i * own;
            long lowest = (long)(least / (d + 1)) + Margin, highest = (long)Math.Min(most / (d + 1), int.MaxValue) + Margin;
            (shifts[i], bits[i], lowests[i]) = (shift, BitOperations.Log2((ulong)(lowest + highest)) + 1, lowest);
            _units[i] = shift < 64 ? 1L << shift : 0;
            bias += lowest * _units[i];
            shift += bits[i];
            if (!(Math.Max(most, least) < LargestCoordinate) || shift > 63)
            {
                throw new ArgumentException("The standard deviations are too small for the image: lattice coordinates overflow.");
            }
        }

        (Bits, Writer) = (shift, new KeyWriter(shifts, _units, bias));

        // e[j] − e[j + 1] is j + 2 times the scaled feature j + 1, less j times feature j; the coordinates are d + 1 times the quotients.
        double x = scales[0].Largest / (d + 1), y = scales[1].Largest / (d + 1);
        Columns = Bands(0, 0, 2 * x);
        Rows = d > 2 ? Bands(1, -x, 3 * y) : default;
        KeyBands Bands(int i, double least, double most) =>
            new((shifts[i], bits[i]), (shifts[i + 1], bits[i + 1]), lowests[i] - lowests[i + 1], least, most);

        // One step along axis j: all coordinates grow by 1 except j, which drops by d. At remainder d the others turn over.
        long all = _units.Sum();
        for (int j = 0; j <= d; j++)
        {
            _steps[2 * j] = 1 - _units[j];
            _steps[(2 * j) + 1] = all - _units[j] - d;
        }
    }

    public int Dimensions { get; }

    /// <summary>Length of a key.</summary>
    public int Bits { get; }

    /// <summary>Bands along x: the first coordinate less the second.</summary>
    public KeyBands Columns { get; }

    /// <summary>Bands that within a column run along y: the second coordinate less the third. One band where there is no colour.</summary>
    public KeyBands Rows { get; }

    /// <summary>Packs what a block of simplices holds.</summary>
    public KeyWriter Writer { get; }

    public static int Remainder(long key) => (int)(key & ((1 << RemainderBits) - 1));

    /// <summary>By what the key of the next vertex along an axis differs.</summary>
    public long Step(long key, int axis) => _steps[(2 * axis) + (Remainder(key) == Dimensions ? 1 : 0)];
}
