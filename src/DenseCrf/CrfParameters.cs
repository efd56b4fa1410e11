namespace DenseCrf;

/// <summary>Everything about a refinement except the image and its probabilities.</summary>
public sealed record CrfParameters
{
    /// <summary>Pairwise kernels in the order in which they apply, 1 to 4 of them; two are usual.</summary>
    public required IReadOnlyList<CrfKernel> Kernels { get; init; }

    /// <summary>Mean-field iterations, 0 to 50; 0 returns softmax(−U).</summary>
    public int Iterations { get; init; } = 10;

    /// <summary>Threads that work on a call, the caller among them: 1 to 64. The others come from the thread pool, if it has any to spare.</summary>
    public int Threads { get; init; } = 1;

    /// <summary>
    /// Labels whose marginal after the first iteration stays below this in the whole image no longer take part; their probabilities are
    /// restored at the end. 0, the default, prunes nothing and is exact; 10⁻³ moves no marginal of the test scenes by more than 10⁻⁵.
    /// Less than 1. Ignored with a matrix compatibility, where a label speaks for others, and with fewer than three iterations.
    /// </summary>
    public float PruneBelow { get; init; }

    /// <summary>Exact, or the approximation that <c>docs/crf.md</c> describes.</summary>
    public CrfQuality Quality { get; init; } = CrfQuality.Exact;

    internal void Check(int labels)
    {
        ArgumentNullException.ThrowIfNull(Kernels);
        ArgumentOutOfRangeException.ThrowIfLessThan(labels, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(labels, CrfInference.MaxLabels);
        Between(Kernels.Count, 1, CrfInference.MaxKernels, nameof(Kernels));
        Between(Iterations, 0, CrfInference.MaxIterations, nameof(Iterations));
        Between(Threads, 1, CrfInference.MaxThreads, nameof(Threads));
        if (!(PruneBelow >= 0 && PruneBelow < 1))
        {
            throw new ArgumentException($"{nameof(PruneBelow)} is a probability from 0 to below 1, not {PruneBelow}.");
        }

        if (!Enum.IsDefined(Quality))
        {
            throw new ArgumentException($"{Quality} is no quality.");
        }

        foreach (CrfKernel kernel in Kernels)
        {
            kernel.Check(labels);
        }
    }

    private static void Between(int value, int least, int most, string name)
    {
        if (value < least || value > most)
        {
            throw new ArgumentException($"{name} must be {least} to {most}, not {value}.");
        }
    }
}

/// <summary>How closely a refinement follows the mathematics.</summary>
public enum CrfQuality
{
    /// <summary>Within 10⁻⁴ of the reference implementation.</summary>
    Exact,

    /// <summary>An approximation whose speed and loss <c>docs/crf.md</c> states.</summary>
    Fast,
}
