namespace DenseCrf.MeanField;

/// <summary>The arguments of one refinement, checked and pinned.</summary>
internal readonly unsafe ref struct CrfCall(
    CrfInput input, float* unary, byte* rgb, CrfParameters parameters, CrfWorkspace workspace)
{
    public CrfParameters Parameters { get; } = parameters;

    public CrfWorkspace Workspace { get; } = workspace;

    public ImageSize Size { get; } = input.Size;

    public int Labels { get; } = input.Labels;

    public bool HoldsEnergies { get; } = input.HoldsEnergies;

    /// <summary>CHW.</summary>
    public float* Unary { get; } = unary;

    /// <summary>HWC.</summary>
    public byte* Rgb { get; } = rgb;

    /// <summary>CHW, or null if only labels are wanted. May be the same memory as <see cref="Unary"/>.</summary>
    public float* Marginals { get; init; }

    /// <summary>HW, or null if marginals are wanted.</summary>
    public byte* LabelMap { get; init; }

    public CrfStageTimes? Times { get; init; }
}
