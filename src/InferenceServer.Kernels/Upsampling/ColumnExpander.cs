using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace InferenceServer.Kernels.Upsampling;

/// <summary>Stretches rows of a score grid horizontally, from grid columns to a tile of photo columns.</summary>
/// <remarks>
/// Eight neighbouring photo columns of an enlargement lie between at most eight grid columns, so one load and two permutes
/// replace sixteen gathered loads; down to half the size, sixteen columns and two loads do. The permutes' indices depend
/// on the columns alone: computed once, used for every class of every row. Stronger reductions, grids narrower than the
/// window and machines without 256 bits take the scalar loop.
/// </remarks>
internal readonly ref struct ColumnExpander
{
    private const int Lanes = 8;

    private readonly AxisTaps _columns;
    private readonly int _groups;
    private readonly int _window;      // grid columns that hold any group's neighbours: 8, 16, or 0 for the scalar loop
    private readonly int[] _starts;    // per group: the grid column its window starts at
    private readonly int[] _lower;     // per lane: index of the lower neighbour within the window
    private readonly int[] _upper;

    public ColumnExpander(AxisTaps columns)
    {
        _columns = columns;
        _groups = columns.Count < Lanes ? 0 : (columns.Count + Lanes - 1) / Lanes;
        _window = SmallestWindow();
        _starts = ArrayPool<int>.Shared.Rent(_groups);
        _lower = ArrayPool<int>.Shared.Rent(_groups * Lanes);
        _upper = ArrayPool<int>.Shared.Rent(_groups * Lanes);
        for (int g = 0; _window != 0 && g < _groups; g++)
        {
            int x = First(g);
            _starts[g] = Math.Min(columns.Lower[x], columns.Grid - _window);
            for (int i = 0; i < Lanes; i++)
            {
                _lower[(g * Lanes) + i] = columns.Lower[x + i] - _starts[g];
                _upper[(g * Lanes) + i] = columns.Upper(x + i) - _starts[g];
            }
        }
    }

    public void Dispose()
    {
        ArrayPool<int>.Shared.Return(_starts);
        ArrayPool<int>.Shared.Return(_lower);
        ArrayPool<int>.Shared.Return(_upper);
    }

    /// <param name="row">One row of the grid, whole.</param>
    /// <param name="output">The tile's columns.</param>
    public void Expand(ReadOnlySpan<float> row, Span<float> output)
    {
        if (_window == 0)
        {
            Scalar(_columns, row, output);
            return;
        }

        ref float source = ref MemoryMarshal.GetReference(row[.._columns.Grid]);
        ref float destination = ref MemoryMarshal.GetReference(output[.._columns.Count]);
        ref float fractions = ref MemoryMarshal.GetReference(_columns.Fractions);
        ref int lower = ref MemoryMarshal.GetArrayDataReference(_lower);
        ref int upper = ref MemoryMarshal.GetArrayDataReference(_upper);
        for (int g = 0; g < _groups; g++)
        {
            nuint x = (nuint)First(g), start = (nuint)_starts[g];
            Vector256<int> lowerIndex = Vector256.LoadUnsafe(ref lower, (nuint)(g * Lanes));
            Vector256<int> upperIndex = Vector256.LoadUnsafe(ref upper, (nuint)(g * Lanes));
            Vector256<float> window = Vector256.LoadUnsafe(ref source, start);
            Vector256<float> near, far;
            if (_window == Lanes)
            {
                near = Vector256.ShuffleNative(window, lowerIndex);
                far = Vector256.ShuffleNative(window, upperIndex);
            }
            else
            {
                // An index outside a half selects zero there, so the halves can be or-ed.
                Vector256<float> second = Vector256.LoadUnsafe(ref source, start + Lanes);
                Vector256<int> shift = Vector256.Create(Lanes);
                near = Vector256.Shuffle(window, lowerIndex) | Vector256.Shuffle(second, lowerIndex - shift);
                far = Vector256.Shuffle(window, upperIndex) | Vector256.Shuffle(second, upperIndex - shift);
            }

            Vector256<float> fraction = Vector256.LoadUnsafe(ref fractions, x);
            Vector256<float> mixed = Vector256.MultiplyAddEstimate(far, fraction, near * (Vector256<float>.One - fraction));
            Vector256.ConditionalSelect(Vector256.Equals(fraction, Vector256<float>.Zero), near, mixed)
                .StoreUnsafe(ref destination, x);
        }
    }

    /// <summary>The specification.</summary>
    internal static void Scalar(AxisTaps columns, ReadOnlySpan<float> row, Span<float> output)
    {
        ReadOnlySpan<int> lower = columns.Lower;
        ReadOnlySpan<float> fractions = columns.Fractions;
        for (int x = 0; x < lower.Length; x++)
        {
            float fraction = fractions[x], near = row[lower[x]];
            output[x] = fraction == 0 ? near : float.MultiplyAddEstimate(row[lower[x] + 1], fraction, near * (1 - fraction));
        }
    }

    private int SmallestWindow()
    {
        int reach = 1;
        for (int g = 0; g < _groups; g++)
        {
            int x = First(g);
            reach = Math.Max(reach, _columns.Upper(x + Lanes - 1) - _columns.Lower[x] + 1);
        }

        int window = reach <= Lanes ? Lanes : 2 * Lanes;
        return Vector256.IsHardwareAccelerated && _groups > 0 && reach <= window && window <= _columns.Grid ? window : 0;
    }

    /// <summary>The last group overlaps the one before, so that every group is whole.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int First(int group) => Math.Min(group * Lanes, _columns.Count - Lanes);
}
