namespace InferenceServer.Runtime.Manifests;

/// <summary>What a network runs best with on a GPU, as was measured; what is left out is as the section <c>Onnx</c> of the configuration says.</summary>
public sealed record GpuManifest
{
    /// <summary>How cuDNN finds its algorithms.</summary>
    public ConvSearch? ConvSearch { get; init; }

    /// <summary>Whether convolutions run in N×H×W×C, which tensor cores like.</summary>
    public bool? PreferNhwc { get; init; }

    /// <summary>Whether products may be rounded to TF32's 10 bits.</summary>
    public bool? Tf32 { get; init; }
}
