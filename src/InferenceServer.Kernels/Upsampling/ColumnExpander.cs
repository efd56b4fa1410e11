using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace InferenceServer.Kernels.Upsampling;

/// <summary>Enlarges rows of a score grid horizontally, from grid columns to image columns.</summary>
/// <remarks>
/// In an enlargement eight neighbouring image columns lie between at most eight grid columns, so that one load and two
/// permutes replace sixteen single loads. In a reduction to half the size or more, two loads of eight grid columns
/// suffice. The indices of the permutes depend on the columns only, and are computed once for every class of every row.
/// Stronger reductions, grids narrower than the window and machines without 256-bit vectors use the scalar loop.
/// </remarks>
internal readonly ref struct ColumnExpander
{
    private const int Lanes = 8;

    private readonly AxisTaps _columns;
    private readonly int _groups;
    private readonly int _window;      // grid columns that contain the neighbours of a group: 8, 16, or 0 for the scalar loop
    private readonly int[] _starts;    // for each group, the first grid column of its window
    private readonly int[] _lower;     // for each lane, the index of its lower neighbour within the window
    private readonly int[] _upper;     // for each lane, the index of its upper neighbour within the window

    public ColumnExpander(AxisTaps columns)
    {
        _columns = columns;
        if (columns.Count >= Lanes)
        {
            _groups = (columns.Count + Lanes - 1) / Lanes;
        }

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

    /// <param name="row">A whole row of the grid.</param>
    /// <param name="output">Receives the values at the image columns.</param>
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
                // An index outside of a half selects zero, so that the halves can be combined by or.
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

    /// <summary>Enlarges a row: the specification of the vector form.</summary>
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
        bool fits = _groups > 0 && reach <= window && window <= _columns.Grid;
        if (Vector256.IsHardwareAccelerated && fits)
        {
            return window;
        }

        return 0;
    }

    /// <summary>
    /// The first column of a group. The last group overlaps the group before it, so that every group is whole.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int First(int group) => Math.Min(group * Lanes, _columns.Count - Lanes);
}
