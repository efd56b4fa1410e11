using InferenceServer.Kernels;

namespace DenseCrf.MeanField;

/// <summary>The arguments of a refinement, checked and pinned.</summary>
internal unsafe ref struct CrfCall
{
    public required CrfParameters Parameters;
    public required CrfWorkspace Workspace;
    public required ImageSize Size;
    public required int Labels;
    public required CrfUnary Kind;

    /// <summary>CHW.</summary>
    public required float* Unary;

    /// <summary>HWC.</summary>
    public required byte* Rgb;

    /// <summary>CHW, or null where only labels are wanted. May be the unary.</summary>
    public float* Marginals;

    /// <summary>HW, or null.</summary>
    public byte* LabelMap;

    /// <summary>Gets the time of each stage, or null.</summary>
    public CrfStageTimes? Times;
}
