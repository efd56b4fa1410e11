namespace InferenceServer.Runtime.Manifests;

/// <summary>Parameters of the fully connected CRF, kept with the model.</summary>
public sealed record CrfManifest
{
    /// <summary>Whether results are refined unless a request says otherwise.</summary>
    public bool Default { get; init; }

    /// <summary>Mean-field iterations.</summary>
    public int Iterations { get; init; } = 10;

    /// <summary>The smoothness kernel: weight and standard deviation in pixels.</summary>
    public KernelManifest? Gaussian { get; init; }

    /// <summary>The appearance kernel: weight, standard deviation in pixels and in 8-bit colour steps.</summary>
    public KernelManifest? Bilateral { get; init; }
}
