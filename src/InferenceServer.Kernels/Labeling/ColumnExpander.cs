using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace InferenceServer.Kernels.Labeling;

/// <summary>Stretches rows of a score grid horizontally, from grid columns to a tile of photo columns.</summary>
/// <remarks>
/// Eight neighbouring photo columns of an enlargement lie between at most eight grid columns, so one load and two permutes
/// replace sixteen gathered loads. The permutes' indices depend on the columns alone: computed once, used for every
/// class of every row. Groups that reach further (a reduction) and machines without 256 bits take the scalar loop.
/// </remarks>
internal readonly ref struct ColumnExpander
{
    private const int Lanes = 8;

    private readonly AxisTaps _columns;
    private readonly int[] _starts;    // per group: the grid column its load starts at, or −1 for the scalar loop
    private readonly int[] _lower;     // per lane: index of the lower neighbour within that load
    private readonly int[] _upper;
    private readonly int _groups;

    public ColumnExpander(AxisTaps columns)
    {
        _columns = columns;
        bool vectorized = Vector256.IsHardwareAccelerated && columns.Grid >= Lanes && columns.Count >= Lanes;
        _groups = vectorized ? (columns.Count + Lanes - 1) / Lanes : 0;
        _starts = ArrayPool<int>.Shared.Rent(_groups);
        _lower = ArrayPool<int>.Shared.Rent(_groups * Lanes);
        _upper = ArrayPool<int>.Shared.Rent(_groups * Lanes);
        for (int g = 0; g < _groups; g++)
        {
            int x = First(g);
            int start = Math.Min(columns.Lower[x], columns.Grid - Lanes);
            bool fits = true;
            for (int i = 0; i < Lanes; i++)
            {
                _lower[(g * Lanes) + i] = columns.Lower[x + i] - start;
                _upper[(g * Lanes) + i] = columns.Upper(x + i) - start;
                fits &= _upper[(g * Lanes) + i] < Lanes;
            }

            _starts[g] = fits ? start : -1;
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
        if (_groups == 0)
        {
            Scalar(_columns, row, output, 0, _columns.Count);
            return;
        }

        row = row[.._columns.Grid];
        output = output[.._columns.Count];
        ref float source = ref MemoryMarshal.GetReference(row);
        ref float destination = ref MemoryMarshal.GetReference(output);
        ref float fractions = ref MemoryMarshal.GetReference(_columns.Fractions);
        ref int lower = ref MemoryMarshal.GetArrayDataReference(_lower);
        ref int upper = ref MemoryMarshal.GetArrayDataReference(_upper);
        for (int g = 0; g < _groups; g++)
        {
            int x = First(g), start = _starts[g];
            if (start < 0)
            {
                Scalar(_columns, row, output, x, x + Lanes);
                continue;
            }

            Vector256<float> window = Vector256.LoadUnsafe(ref source, (nuint)start);
            Vector256<float> near = Vector256.ShuffleNative(window, Vector256.LoadUnsafe(ref lower, (nuint)(g * Lanes)));
            Vector256<float> far = Vector256.ShuffleNative(window, Vector256.LoadUnsafe(ref upper, (nuint)(g * Lanes)));
            Vector256<float> fraction = Vector256.LoadUnsafe(ref fractions, (nuint)x);
            Vector256<float> mixed = Vector256.MultiplyAddEstimate(far, fraction, near * (Vector256<float>.One - fraction));
            Vector256.ConditionalSelect(Vector256.Equals(fraction, Vector256<float>.Zero), near, mixed)
                .StoreUnsafe(ref destination, (nuint)x);
        }
    }

    /// <summary>The specification: columns <paramref name="start"/> to <paramref name="end"/> of one row.</summary>
    internal static void Scalar(AxisTaps columns, ReadOnlySpan<float> row, Span<float> output, int start, int end)
    {
        for (int x = start; x < end; x++)
        {
            float fraction = columns.Fractions[x], near = row[columns.Lower[x]];
            output[x] = fraction == 0 ? near : float.MultiplyAddEstimate(row[columns.Upper(x)], fraction, near * (1 - fraction));
        }
    }

    /// <summary>The last group overlaps the one before, so that every group is whole.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int First(int group) => Math.Min(group * Lanes, _columns.Count - Lanes);
}
