using InferenceServer.Kernels;
using InferenceServer.Runtime.Manifests;

namespace InferenceServer.Runtime.Passes;

/// <summary>What a request wants of the passes instead of what the model's manifest says; null keeps that.</summary>
public sealed record PassOverrides
{
    /// <summary>All as the manifest says.</summary>
    public static PassOverrides None { get; } = new();

    /// <summary>In one piece, or in tiles.</summary>
    public InferenceMode? Mode { get; init; }

    /// <summary>True: the network sees the image at its own size, whatever the manifest's resize says.</summary>
    public bool? KeepSize { get; init; }

    /// <summary>Size of a tile, in pixels of what the network sees.</summary>
    public ImageSize? Crop { get; init; }

    /// <summary>Distance of tiles as a share of the crop, above 0 to 1.</summary>
    public double? StrideRate { get; init; }

    /// <summary>Factors on the size that the network sees the image at.</summary>
    public IReadOnlyList<double>? Scales { get; init; }

    /// <summary>Whether the mirrored image runs, too.</summary>
    public bool? Flip { get; init; }

    /// <summary>How passes are fused.</summary>
    public FuseMode? Fuse { get; init; }
}
