namespace DenseCrf.MeanField;

/// <summary>
/// The buffers of one range of pixels, as a pass over the pixels sees them. Every pointer points to the range's first
/// pixel.
/// </summary>
internal unsafe ref struct RangeView
{
    /// <summary>Number of the first pixel within the image.</summary>
    public long Start;

    /// <summary>Number of pixels in the range.</summary>
    public long Pixels;

    /// <summary>A row of exponents for each pixel.</summary>
    public float* Exponents;

    /// <summary>What the pruned labels add to each pixel's sum; null if no label is pruned.</summary>
    public float* Residuals;

    /// <summary>Receives the largest marginal of each label; null if it is not needed.</summary>
    public float* Largest;

    /// <summary>Exponents of the last iteration; null if exponents are not extrapolated.</summary>
    public float* Previous;

    /// <summary>
    /// The part of the last change that is added once more; with 0 the exponents are only stored for the next
    /// iteration.
    /// </summary>
    public float Momentum;

    /// <summary>The pixels that the pass computes: all of the range, or those that are not settled.</summary>
    public PixelList Computed;

    /// <summary>Whether rows start with the marginals of the settled pixels, which a kernel holds.</summary>
    public bool StartsFromHeld;

    /// <summary>
    /// Receives the numbers of the pixels that are not settled, in a pass that finds out which are; else null.
    /// </summary>
    public int* Unsettled;

    /// <summary>
    /// The probability that the labels of a settled pixel other than its likeliest may have together.
    /// </summary>
    public float SettleBelow;

    public ReadOnlySpan<KernelView> Kernels;
}

/// <summary>Numbers of pixels within a range, ascending.</summary>
/// <param name="pixels">The numbers. Some more after the last one are readable, because prefetching reads ahead.</param>
/// <param name="count">How many numbers there are.</param>
internal readonly unsafe struct PixelList(int* pixels, int count)
{
    public const int ReadableAfterEnd = 16;

    public readonly int* Pixels = pixels;

    public readonly int Count = count;
}

/// <summary>
/// The buffers of one kernel within a range of pixels. Every pointer points to the range's first pixel or first row.
/// </summary>
internal unsafe struct KernelView
{
    /// <summary>Vertices of a simplex: the number of row numbers and weights of a pixel.</summary>
    public int Corners;

    /// <summary>Row numbers of each pixel's vertices.</summary>
    public int* Ids;

    /// <summary>Whether the rows are larger than the second-level cache, so that prefetching helps.</summary>
    public bool Prefetches;

    /// <summary>Weights before the normalisation is known.</summary>
    public float* PlainWeights;

    public float* SplatWeights;

    /// <summary>The same memory as <see cref="SplatWeights"/> unless the normalisation is one-sided.</summary>
    public float* SliceWeights;

    /// <summary>Blurred rows, from which values are sliced.</summary>
    public float* Rows;

    /// <summary>Rows to which values are splatted.</summary>
    public float* Next;

    /// <summary>Of the rows to splat to, those that most pixels of the pass take: the ones to prefetch.</summary>
    public float* Expected;

    /// <summary>Rows to which the marginals of settled pixels are splatted, once for several iterations.</summary>
    public float* Held;

    /// <summary>The number of vertices touched up to the end of each block of pixels.</summary>
    public int* Watermarks;

    /// <summary>Factor of each label's message: minus the compatibility, times alpha.</summary>
    public float* Compatibility;

    /// <summary>
    /// With a matrix compatibility: the factors to each label (row) from each label (column), with the stride of every
    /// other row; else null.
    /// </summary>
    public float* Matrix;

    /// <summary>Columns of the matrix, one for each label.</summary>
    public int MatrixColumns;
}
