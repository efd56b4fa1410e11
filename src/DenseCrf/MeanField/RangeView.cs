namespace DenseCrf.MeanField;

/// <summary>A run of pixels as the pixel pass sees it; every pointer starts at its first pixel.</summary>
internal unsafe ref struct RangeView
{
    /// <summary>Number within the image of the first pixel.</summary>
    public long Start;

    public long Pixels;

    /// <summary>A row of labels for each pixel.</summary>
    public float* Exponents;

    /// <summary>What pruned labels add to each pixel's sum, or null.</summary>
    public float* Residuals;

    /// <summary>The largest marginal of each label, raised by the pass, or null.</summary>
    public float* Largest;

    /// <summary>Exponents of the last iteration where the next is extrapolated from them, or null.</summary>
    public float* Previous;

    /// <summary>How much of the last step is added again; 0: only remember.</summary>
    public float Momentum;

    public ReadOnlySpan<KernelView> Kernels;
}

/// <summary>One kernel as the pixel pass of a range sees it; every pointer starts at the range.</summary>
internal unsafe struct KernelView
{
    /// <summary>Vertices of a simplex, hence numbers and weights of a pixel.</summary>
    public int Corners;

    public int* Ids;

    /// <summary>Whether the rows outgrow the second-level cache, so that asking ahead pays.</summary>
    public bool Prefetches;

    /// <summary>Weights before any normalisation is known.</summary>
    public float* PlainWeights;

    public float* SplatWeights;

    /// <summary>The same memory as <see cref="SplatWeights"/> unless the normalisation is one-sided.</summary>
    public float* SliceWeights;

    /// <summary>Blurred rows, to slice from.</summary>
    public float* Rows;

    /// <summary>Rows to splat to.</summary>
    public float* Next;

    /// <summary>Vertices that have been touched at the end of each block of pixels.</summary>
    public int* Watermarks;

    /// <summary>Factor of each label's message: minus its compatibility, times alpha. </summary>
    public float* Compatibility;

    /// <summary>With a matrix: the same for each label (row) from each label (column), rows as long as all others; else null.</summary>
    public float* Matrix;

    /// <summary>Labels, hence columns of the matrix.</summary>
    public int MatrixColumns;
}
