namespace DenseCrf;

/// <summary>How closely a refinement follows the exact computation.</summary>
public enum CrfQuality
{
    /// <summary>Marginals within 10⁻⁴ of the reference implementation.</summary>
    Exact,

    /// <summary>
    /// Seven tenths of the iterations, each extrapolated, with labels pruned below 10⁻² and pixels settled
    /// at 10⁻³. Faster, and at most 0.01 points of mean IoU lost on the test scenes. Images of fewer than 128×128
    /// pixels are refined exactly.
    /// </summary>
    Fast,
}

/// <summary>The settings of a refinement: everything but the image and its scores.</summary>
public sealed record CrfParameters
{
    /// <summary>Pairwise kernels, applied in this order; 1 to 4, usually one Gaussian and one bilateral.</summary>
    public required IReadOnlyList<CrfKernel> Kernels { get; init; }

    /// <summary>Mean-field iterations, 0 to 50; with 0 the result is softmax(−U), U being the energies.</summary>
    public int Iterations { get; init; } = 10;

    /// <summary>
    /// Threads of a call, 1 to 64. One is the caller's; the others come from the thread pool as far as it has idle
    /// threads.
    /// </summary>
    public int Threads { get; init; } = 1;

    /// <summary>
    /// Labels whose marginal after the first iteration is below this value at every pixel are left out of the other
    /// iterations; their probabilities are restored at the end. From 0 to below 1. 0, the default, leaves no label out.
    /// 10⁻³ changed no marginal of the test scenes by more than 10⁻⁵. Ignored with a matrix compatibility, where labels
    /// depend on each other, and with fewer than three iterations.
    /// </summary>
    public float PruneBelow { get; init; }

    /// <summary>The trade between speed and exactness.</summary>
    public CrfQuality Quality { get; init; } = CrfQuality.Exact;

    internal void Check(int labels)
    {
        ArgumentNullException.ThrowIfNull(Kernels);
        CheckRange(labels, 1, CrfInference.MaxLabels, nameof(labels));
        CheckRange(Kernels.Count, 1, CrfInference.MaxKernels, nameof(Kernels));
        CheckRange(Iterations, 0, CrfInference.MaxIterations, nameof(Iterations));
        CheckRange(Threads, 1, CrfInference.MaxThreads, nameof(Threads));
        if (!(PruneBelow >= 0 && PruneBelow < 1))
        {
            throw new ArgumentException($"{nameof(PruneBelow)}: expected a probability from 0 to below 1, got {PruneBelow}.");
        }

        if (!Enum.IsDefined(Quality))
        {
            throw new ArgumentException($"{nameof(Quality)}: expected {CrfQuality.Exact} or {CrfQuality.Fast}, got {Quality}.");
        }

        foreach (CrfKernel kernel in Kernels)
        {
            kernel.Check(labels);
        }
    }

    private static void CheckRange(int value, int min, int max, string name)
    {
        if (value < min || value > max)
        {
            throw new ArgumentException($"{name}: expected {min} to {max}, got {value}.");
        }
    }
}
