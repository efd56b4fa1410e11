namespace DenseCrf.MeanField;

/// <summary>Everything that touches rows of labels, for one width of them.</summary>
internal abstract unsafe class RowOperations
{
    /// <summary>Values from one row to the next.</summary>
    public abstract int Lanes { get; }

    /// <summary>Softmax of the exponents, and the first splat.</summary>
    public abstract void First(in SlabView slab, UnaryImporter unary);

    /// <summary>One update: slice, compatibility, softmax, and the splat of the next iteration while the marginals are in registers.</summary>
    public abstract void Middle(in SlabView slab);

    /// <summary>The last update, whose marginals leave.</summary>
    public abstract void Last(in SlabView slab, ResultExporter results);

    /// <summary>Leaves only the kept labels in the exponents, and what the others add to each pixel's sum in the residuals.</summary>
    public abstract void Prune(in SlabView slab, PrunedLabels kept);

    /// <summary>One axis: every row gets half of each neighbour.</summary>
    public abstract void Blur(float* rows, ReadOnlySpan<int> chains);

    /// <summary>Adds each twin's row to the first one's.</summary>
    public abstract void Merge(float* rows, ReadOnlySpan<(int Twin, int First)> pairs);

    /// <summary>Copies the first one's row to each twin's.</summary>
    public abstract void Copy(float* rows, ReadOnlySpan<(int Twin, int First)> pairs);
}
