using System.Numerics;
using System.Runtime.CompilerServices;

namespace DenseCrf.Permutohedral;

/// <summary>How the coordinates of a vertex are packed into a key of 64 bits.</summary>
/// <remarks>
/// All coordinates of a vertex have the same remainder k modulo d + 1, so a key holds their quotients and k. The key of
/// the next vertex of a simplex, or of the neighbour along an axis, is then one addition away. Each quotient has as
/// many bits as the image needs.
/// </remarks>
internal sealed class KeyLayout
{
    /// <summary>
    /// The reference implementation stores coordinates in 16 bits and wraps silently; this one throws instead.
    /// </summary>
    private const double MaxCoordinate = short.MaxValue;

    /// <summary>
    /// How far the quotient of a vertex may exceed those of the points: a simplex reaches one or two further, a
    /// neighbour one more.
    /// </summary>
    private const int Margin = 3;

    private const int RemainderBits = 3;

    private readonly long[] _units;
    private readonly long[] _steps;

    /// <exception cref="ArgumentException">The deviations are so small that coordinates overflow.</exception>
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
            // Coordinate i is the sum of the scaled features after feature i, less i times feature i; coordinate 0 is
            // the sum of all.
            double own = i == 0 ? 0 : scales[i - 1].Largest;
            rest -= own;
            double max = rest, min = i * own;   // the coordinate lies between −min and max
            long lowest = (long)(min / (d + 1)) + Margin, highest = (long)Math.Min(max / (d + 1), int.MaxValue) + Margin;
            (shifts[i], bits[i], lowests[i]) = (shift, BitOperations.Log2((ulong)(lowest + highest)) + 1, lowest);
            _units[i] = shift < 64 ? 1L << shift : 0;
            bias += lowest * _units[i];
            shift += bits[i];
            if (!(Math.Max(max, min) < MaxCoordinate) || shift > 63)
            {
                throw new ArgumentException(
                    "The standard deviations are too small for the image: lattice coordinates overflow. Use larger deviations.");
            }
        }

        (Bits, Writer) = (shift, new KeyWriter(shifts, _units, bias));

        // Coordinate j less coordinate j + 1 is j + 2 times the scaled feature j + 1, less j times feature j. Quotients
        // are 1/(d + 1) of it.
        double x = scales[0].Largest / (d + 1), y = scales[1].Largest / (d + 1);
        Grid = new LatticeGrid(Bands(0, 0, 2 * x), d > 2 ? Bands(1, -x, 3 * y) : default);
        KeyBands Bands(int i, double min, double max) =>
            new((shifts[i], bits[i]), (shifts[i + 1], bits[i + 1]), lowests[i] - lowests[i + 1], min, max);

        // One step along axis j adds 1 to all coordinates except j, which loses d. From remainder d the quotients of
        // the others grow.
        long all = _units.Sum();
        for (int j = 0; j <= d; j++)
        {
            _steps[2 * j] = 1 - _units[j];
            _steps[(2 * j) + 1] = all - _units[j] - d;
        }
    }

    public int Dimensions { get; }

    /// <summary>Length of a key, in bits.</summary>
    public int Bits { get; }

    /// <summary>
    /// The cells of the lattice: columns by the first coordinate less the second, and with colour their cells by the
    /// second coordinate less the third.
    /// </summary>
    public LatticeGrid Grid { get; }

    /// <summary>Packs the vertices of a block of simplices.</summary>
    public KeyWriter Writer { get; }

    /// <summary>The remainder k of a vertex's coordinates modulo d + 1.</summary>
    public static int Remainder(long key) => (int)(key & ((1 << RemainderBits) - 1));

    /// <summary>The steps along an axis.</summary>
    public AxisStep Step(int axis) => new(_steps[2 * axis], _steps[(2 * axis) + 1], Dimensions);
}

/// <summary>The differences from a vertex's key to that of the next vertex along an axis.</summary>
/// <param name="step">The difference for remainders below d.</param>
/// <param name="fromLast">The difference for remainder d.</param>
/// <param name="dimensions">The number of dimensions, d.</param>
internal readonly struct AxisStep(long step, long fromLast, int dimensions)
{
    /// <summary>The key of the next vertex.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public long Next(long key)
    {
        int isLast = Convert.ToInt32(KeyLayout.Remainder(key) == dimensions);
        return key + step + ((fromLast - step) & -isLast);
    }
}

/// <summary>
/// Scales a feature as Adams et al. do: divided by its standard deviation, times the scale of its axis.
/// </summary>
/// <remarks>
/// Rounds to float twice, in the order of the reference implementation: on which side of a simplex face a pixel lies
/// may depend on it.
/// </remarks>
internal readonly struct FeatureScale
{
    private readonly float _deviation;
    private readonly float _scale;

    private FeatureScale(float deviation, int axis, int dimensions, int largest)
    {
        float common = (float)(Math.Sqrt(2.0 / 3) * (dimensions + 1));
        _deviation = deviation;
        _scale = (float)(1 / Math.Sqrt((axis + 1.0) * (axis + 2.0)) * common);
        Largest = At(largest);
    }

    /// <summary>The scaled value of the largest feature. That of the smallest is 0.</summary>
    public float Largest { get; }

    /// <summary>The scales of a kernel's features: x and y, and with colour red, green and blue.</summary>
    public static FeatureScale[] Of(CrfKernel kernel, ImageSize size)
    {
        int d = kernel.Dimensions;
        FeatureScale x = new(kernel.Sx, 0, d, size.Width - 1), y = new(kernel.Sy, 1, d, size.Height - 1);
        if (kernel.Rgb is not { } rgb)
        {
            return [x, y];
        }

        return [x, y, new(rgb.R, 2, d, byte.MaxValue), new(rgb.G, 3, d, byte.MaxValue), new(rgb.B, 4, d, byte.MaxValue)];
    }

    public float At(int feature) => feature / _deviation * _scale;
}
