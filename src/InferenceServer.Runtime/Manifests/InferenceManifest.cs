namespace InferenceServer.Runtime.Manifests;

/// <summary>How many passes make one result.</summary>
public sealed record InferenceManifest
{
    /// <summary><c>whole</c>: the image in one pass. <c>slide</c> is known, but not served yet.</summary>
    public string Mode { get; init; } = "whole";

    /// <summary>Crop of <c>slide</c>.</summary>
    public IReadOnlyList<int>? Crop { get; init; }

    /// <summary>Stride of <c>slide</c> as a share of the crop.</summary>
    public double? StrideRate { get; init; }

    /// <summary>Scales that are averaged; only [1].</summary>
    public IReadOnlyList<double> Scales { get; init; } = [1];

    /// <summary>Whether the mirrored image is averaged in; only false.</summary>
    public bool Flip { get; init; }

    /// <summary>How several passes are fused.</summary>
    public string? Fuse { get; init; }
}
