namespace InferenceServer.Runtime.Manifests;

/// <summary>An accuracy that was measured.</summary>
public sealed record QualityManifest
{
    /// <summary>The metric, for instance mIoU.</summary>
    public string? Metric { get; init; }

    /// <summary>Its value, in the metric's own unit.</summary>
    public double? Value { get; init; }

    /// <summary>The images it was measured on.</summary>
    public string? Dataset { get; init; }

    /// <summary>How.</summary>
    public string? Protocol { get; init; }
}
