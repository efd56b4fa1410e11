namespace DenseCrf.MeanField;

/// <summary>A run of pixels as the pixel pass sees it; every pointer starts at its first pixel.</summary>
internal unsafe ref struct SlabView
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
