using System.Runtime.Intrinsics;
using DenseCrf.Rows;

namespace DenseCrf.MeanField;

/// <summary>Every operation on rows of labels, for one width of the rows.</summary>
internal abstract unsafe class RowOperations
{
    /// <summary>Values from one row to the next.</summary>
    public abstract int Lanes { get; }

    /// <summary>First pass: reads the scores, computes their softmax, and splats it.</summary>
    public abstract void First(in RangeView range, UnaryImporter unary);

    /// <summary>
    /// Update of one iteration: slice, compatibility and softmax, and the splat of the next iteration while the
    /// marginals are in registers. Returns the number of unsettled pixels, if the pass lists them.
    /// </summary>
    public abstract int Middle(in RangeView range);

    /// <summary>Update of the last iteration, which writes the marginals out.</summary>
    public abstract void Last(in RangeView range, ResultExporter results);

    /// <summary>
    /// Reduces the exponents to the kept labels, and stores in the residuals what the dropped labels add to each
    /// pixel's sum.
    /// </summary>
    public abstract void Prune(in RangeView range, PrunedLabels kept);

    /// <summary>Blurs along one axis: adds half of each neighbour to every row.</summary>
    public abstract void Blur(float* rows, ReadOnlySpan<int> chains);

    /// <summary>Adds the row of each duplicate to the row of the first range that has the vertex.</summary>
    public abstract void Merge(float* rows, ReadOnlySpan<(int Duplicate, int First)> pairs);

    /// <summary>Copies the row of the first range that has the vertex to each duplicate.</summary>
    public abstract void Copy(float* rows, ReadOnlySpan<(int Duplicate, int First)> pairs);
}

/// <summary>Chooses the row operations for a number of labels on this machine.</summary>
internal static class RowWidths
{
    /// <summary>Most labels whose row stays in registers.</summary>
    public const int MaxNarrow = 32;

    /// <summary>
    /// Values in a row: the number of labels, rounded up to whole vectors. The values of unused lanes are computed as
    /// well.
    /// </summary>
    public static int Lanes(int labels)
    {
        if (labels <= MaxNarrow)
        {
            int step = Vector512.IsHardwareAccelerated ? 8 : 4;
            return (labels + step - 1) / step * step;
        }

        return (labels + 15) / 16 * 16;
    }

    /// <param name="labels">1 to 256.</param>
    /// <param name="matrix">Whether a compatibility mixes labels, which needs the row in memory.</param>
    public static RowOperations For(int labels, bool matrix)
    {
        int lanes = Lanes(labels);
        if (matrix || lanes > MaxNarrow)
        {
            if (lanes % 16 == 0 && Vector512.IsHardwareAccelerated)
            {
                return new WideRows<Row16>(lanes);
            }

            if (lanes % 8 == 0)
            {
                return new WideRows<Row8>(lanes);
            }

            return new WideRows<Row4>(lanes);
        }

        if (Vector512.IsHardwareAccelerated)
        {
            return Narrow512(lanes);
        }

        return Narrow256(lanes);
    }

    private static RowOperations Narrow512(int lanes) => lanes switch
    {
        8 => new NarrowRows<Row8>(),
        16 => new NarrowRows<Row16>(),
        24 => new NarrowRows<RowPair<Row16, Row8>>(),
        _ => new NarrowRows<RowPair<Row16, Row16>>(),
    };

    /// <summary>
    /// Without AVX-512, 16 lanes are a pair: a Vector512 that the hardware lacks does not stay in registers.
    /// </summary>
    private static RowOperations Narrow256(int lanes) => lanes switch
    {
        4 => new NarrowRows<Row4>(),
        8 => new NarrowRows<Row8>(),
        12 => new NarrowRows<RowPair<Row8, Row4>>(),
        16 => new NarrowRows<RowPair<Row8, Row8>>(),
        20 => new NarrowRows<RowPair<RowPair<Row8, Row8>, Row4>>(),
        24 => new NarrowRows<RowPair<RowPair<Row8, Row8>, Row8>>(),
        28 => new NarrowRows<RowPair<RowPair<Row8, Row8>, RowPair<Row8, Row4>>>(),
        _ => new NarrowRows<RowPair<RowPair<Row8, Row8>, RowPair<Row8, Row8>>>(),
    };
}
