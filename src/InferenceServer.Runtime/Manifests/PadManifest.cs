namespace InferenceServer.Runtime.Manifests;

/// <summary>How an image is brought to a legal size.</summary>
public sealed record PadManifest
{
    /// <summary>On which sides.</summary>
    public PadPosition Where { get; init; } = PadPosition.BottomRight;

    /// <summary>With what.</summary>
    public PadValue Value { get; init; } = PadValue.Mean;
}
