namespace DenseCrf.MeanField;

/// <summary>What the parameters and the size of a call decide before it runs: its steps, and so its buffers.</summary>
internal readonly struct RunPlan
{
    private readonly bool _fast;

    public RunPlan(CrfParameters parameters, ImageSize size, int labels)
    {
        _fast = FastSettings.Apply(parameters, size);
        HasMatrix = parameters.Kernels.Any(kernel => kernel.Compatibility.Kind == CrfCompatibilityKind.Matrix);
        Lanes = RowWidths.Lanes(labels);
        Iterations = _fast ? FastSettings.Iterations(parameters) : parameters.Iterations;
        PruneBelow = _fast ? FastSettings.Threshold(parameters) : parameters.PruneBelow;
        SettleBelow = SettledPixels.Threshold(parameters, _fast);
    }

    /// <summary>Whether a compatibility mixes labels.</summary>
    public bool HasMatrix { get; }

    /// <summary>Values in a row, before labels are pruned.</summary>
    public int Lanes { get; }

    public int Iterations { get; }

    public float PruneBelow { get; }

    public float SettleBelow { get; }

    public bool Extrapolates => _fast && !HasMatrix && Lanes <= RowWidths.MaxNarrow;

    public bool MayPrune => PruneBelow > 0 && Iterations > 2 && !HasMatrix;

    public bool MaySettle => SettleBelow > 0 && Iterations > 2 && !HasMatrix && Lanes <= RowWidths.MaxNarrow;
}
