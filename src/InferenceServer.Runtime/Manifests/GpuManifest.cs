namespace InferenceServer.Runtime.Manifests;

/// <summary>What a network runs best with on a GPU, as was measured; what is left out is as the section <c>Onnx</c>
/// of the configuration says.</summary>
internal sealed record GpuManifest
{
    /// <summary>How cuDNN finds its algorithms.</summary>
    public ConvSearch? ConvSearch { get; init; }

    /// <summary>Whether convolutions run in N×H×W×C, which tensor cores like.</summary>
    public bool? PreferNhwc { get; init; }

    /// <summary>Whether products may be rounded to TF32's 10 bits.</summary>
    public bool? Tf32 { get; init; }
}

/// <summary>How cuDNN finds the algorithm of a convolution at a shape that it has not seen.</summary>
public enum ConvSearch
{
    /// <summary>By rules of thumb: at once, and nearly always as good.</summary>
    Heuristic,

    /// <summary>By trying: hundreds of milliseconds for every new shape.</summary>
    Exhaustive,

    /// <summary>Not at all: slow for some networks, and quickest for a few.</summary>
    Default,
}
