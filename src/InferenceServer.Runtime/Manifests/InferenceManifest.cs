using System.Text.Json.Serialization;

namespace InferenceServer.Runtime.Manifests;

/// <summary>How many passes make one result, where a request does not say otherwise.</summary>
internal sealed record InferenceManifest
{
    /// <summary>The image in one piece, or in tiles. Default whole.</summary>
    public InferenceMode Mode { get; init; } = InferenceMode.Whole;

    /// <summary>[height, width] of a tile, or one side; brought to the next legal size. Default
    /// <c>preprocess.size.fixed</c>, else 512.</summary>
    [JsonConverter(typeof(SidesConverter))]
    public IReadOnlyList<int>? Crop { get; init; }

    /// <summary>Distance of tiles as a share of the crop, above 0 to 1. Default two thirds.</summary>
    public double? StrideRate { get; init; }

    /// <summary>Factors on the size that the network sees the image at; one pass for each. Default 1 alone.</summary>
    public IReadOnlyList<double> Scales { get; init; } = [1];

    /// <summary>Whether the mirrored image runs, too. Default false.</summary>
    public bool Flip { get; init; }

    /// <summary>How passes are fused. Default mean_softmax.</summary>
    public FuseMode Fuse { get; init; } = FuseMode.MeanSoftmax;
}

/// <summary>How the network comes to see an image.</summary>
public enum InferenceMode
{
    /// <summary>In one piece.</summary>
    Whole,

    /// <summary>In tiles of one size that overlap.</summary>
    Slide,
}

/// <summary>How several passes of a pixel become one: overlapping tiles, scales, the mirrored image.</summary>
public enum FuseMode
{
    /// <summary>The mean of the probabilities, as PSPNet, OpenMMLab and most others fuse.</summary>
    MeanSoftmax,

    /// <summary>The mean of the logits, whose largest is also the sum's, as HRNet fuses.</summary>
    SumLogits,

    /// <summary>The largest logit of each class, as DeepLab v2 fuses scales.</summary>
    MaxLogits,
}
