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

    /// <summary>
    /// For each block of pixels whether it is settled: 1 or 0; null if no block is. The rows that a kernel holds have the
    /// marginals of these blocks.
    /// </summary>
    public byte* Settled;

    /// <summary>
    /// The probability that the labels of a pixel other than its likeliest may have together for the pixel to be
    /// settled, in a pass that finds out which blocks are; else 0.
    /// </summary>
    public float SettleBelow;

    public ReadOnlySpan<KernelView> Kernels;
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

    /// <summary>Rows to which the marginals of settled pixels are splatted once for several iterations.</summary>
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
