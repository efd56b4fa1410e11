namespace DenseCrf.MeanField;

/// <summary>
/// Settled pixels: their marginals are computed once for several iterations, and again in the last one.
/// </summary>
/// <remarks>
/// A pixel is settled if its likeliest label has nearly all of its probability. As long as that label leads, the
/// marginals of the pixel change by less than the threshold ε, and messages to other pixels by less than κ·ε times the
/// kernels' weights, where κ is the largest row sum of a normalised kernel, at most 1.3.
/// </remarks>
internal static class SettledPixels
{
    /// <summary>
    /// After so many iterations all pixels are computed again, because a boundary may have come near.
    /// </summary>
    public const int Iterations = 5;

    private const float Exact = 2e-5f, Fast = 1e-3f;

    /// <summary>The weights, in nats, up to which the thresholds hold; heavier kernels get smaller ones.</summary>
    private const float Weights = 13;

    /// <summary>
    /// The probability that the other labels of a settled pixel may have together; 0 if no pixel may be settled,
    /// because a kernel has no normalisation and therefore no bound.
    /// </summary>
    public static float Threshold(CrfParameters parameters, bool fast)
    {
        float weights = 0;
        foreach (CrfKernel kernel in parameters.Kernels)
        {
            if (kernel.Normalization == CrfNormalization.None)
            {
                return 0;
            }

            weights += kernel.Compatibility.Largest;
        }

        return (fast ? Fast : Exact) * Math.Min(1, Weights / weights);
    }
}
