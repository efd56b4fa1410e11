using System.Text.Json.Serialization;

namespace InferenceServer.Runtime.Manifests;

/// <summary>How many passes make one result, where a request does not say otherwise.</summary>
public sealed record InferenceManifest
{
    /// <summary>The photograph in one piece, or in tiles. Default whole.</summary>
    public InferenceMode Mode { get; init; } = InferenceMode.Whole;

    /// <summary>[height, width] of a tile, or one side; brought to the next legal size. Default <c>preprocess.size.fixed</c>, else 512.</summary>
    [JsonConverter(typeof(SidesConverter))]
    public IReadOnlyList<int>? Crop { get; init; }

    /// <summary>Distance of tiles as a share of the crop, above 0 to 1. Default two thirds.</summary>
    public double? StrideRate { get; init; }

    /// <summary>Factors on the size that the network sees the photograph at; one pass for each. Default 1 alone.</summary>
    public IReadOnlyList<double> Scales { get; init; } = [1];

    /// <summary>Whether the mirrored image runs, too. Default false.</summary>
    public bool Flip { get; init; }

    /// <summary>How passes are fused. Default mean_softmax.</summary>
    public FuseMode Fuse { get; init; } = FuseMode.MeanSoftmax;
}
