namespace InferenceServer.Runtime.Manifests;

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
