namespace InferenceServer.Runtime.Manifests;

/// <summary>One pairwise kernel of the CRF.</summary>
public sealed record KernelManifest
{
    /// <summary>Weight of the kernel.</summary>
    public required float Weight { get; init; }

    /// <summary>Standard deviation of the position, in pixels.</summary>
    public required float Xy { get; init; }

    /// <summary>Standard deviation of the colour, in 8-bit steps.</summary>
    public float? Rgb { get; init; }
}
