using System.Runtime.Intrinsics;
using DenseCrf.Rows;

namespace DenseCrf.MeanField;

/// <summary>Everything that touches rows of labels, for one width of them.</summary>
internal abstract unsafe class RowOperations
{
    /// <summary>Values from one row to the next.</summary>
    public abstract int Lanes { get; }

    /// <summary>Softmax of the exponents, and the first splat.</summary>
    public abstract void First(in RangeView range, UnaryImporter unary);

    /// <summary>One update: slice, compatibility, softmax, and the splat of the next iteration while the marginals are in registers.</summary>
    public abstract void Middle(in RangeView range);

    /// <summary>The last update, whose marginals leave.</summary>
    public abstract void Last(in RangeView range, ResultExporter results);

    /// <summary>Leaves only the kept labels in the exponents, and what the others add to each pixel's sum in the residuals.</summary>
    public abstract void Prune(in RangeView range, PrunedLabels kept);

    /// <summary>One axis: every row gets half of each neighbour.</summary>
    public abstract void Blur(float* rows, ReadOnlySpan<int> chains);

    /// <summary>Adds each duplicate's row to the first one's.</summary>
    public abstract void Merge(float* rows, ReadOnlySpan<(int Duplicate, int First)> pairs);

    /// <summary>Copies the first one's row to each duplicate's.</summary>
    public abstract void Copy(float* rows, ReadOnlySpan<(int Duplicate, int First)> pairs);
}

/// <summary>Which rows serve so many labels on this machine.</summary>
internal static class RowWidths
{
    /// <summary>Values of a row; unused ones are computed along.</summary>
    public static int Lanes(int labels) => labels <= 32 ? (labels + 7) / 8 * 8 : (labels + 15) / 16 * 16;

    /// <param name="labels">1 to 256.</param>
    /// <param name="matrix">Whether a compatibility mixes labels, which needs the row in memory.</param>
    public static RowOperations For(int labels, bool matrix)
    {
        int lanes = Lanes(labels);
        if (matrix || lanes > 32)
        {
            return lanes % 16 == 0 && Vector512.IsHardwareAccelerated ? new WideRows<Row16>(lanes) : new WideRows<Row8>(lanes);
        }

        // Elsewhere 16 lanes are a pair: a Vector512 that the hardware lacks does not stay in registers.
        return Vector512.IsHardwareAccelerated
            ? lanes switch
            {
                8 => new NarrowRows<Row8>(),
                16 => new NarrowRows<Row16>(),
                24 => new NarrowRows<RowPair<Row16, Row8>>(),
                _ => new NarrowRows<RowPair<Row16, Row16>>(),
            }
            : lanes switch
            {
                8 => new NarrowRows<Row8>(),
                16 => new NarrowRows<RowPair<Row8, Row8>>(),
                24 => new NarrowRows<RowPair<RowPair<Row8, Row8>, Row8>>(),
                _ => new NarrowRows<RowPair<RowPair<Row8, Row8>, RowPair<Row8, Row8>>>(),
            };
    }
}
