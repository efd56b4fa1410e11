using System.Text.Json.Serialization;

namespace InferenceServer.Runtime.Manifests;

/// <summary>The passes of a request, where the request does not set them.</summary>
internal sealed record InferenceManifest
{
    private const int UsualCrop = 512;

    /// <summary>The image whole, or in tiles. Default whole.</summary>
    public InferenceMode Mode { get; init; } = InferenceMode.Whole;

    /// <summary>[height, width] of a tile, or one side; rounded up to a legal size. Default
    /// <c>preprocess.size.fixed</c>, else 512.</summary>
    [JsonConverter(typeof(SidesConverter))]
    public IReadOnlyList<int>? Crop { get; init; }

    /// <summary>Distance of tiles as a share of the crop, above 0 to 1. Default two thirds.</summary>
    public double? StrideRate { get; init; }

    /// <summary>Scale factors of the network's view of the image; one pass for each. Default 1 alone.</summary>
    public IReadOnlyList<double> Scales { get; init; } = [1];

    /// <summary>Whether the network also runs on the mirrored image. Default false.</summary>
    public bool Flip { get; init; }

    /// <summary>How passes are fused. Default mean_softmax.</summary>
    public FuseMode Fuse { get; init; } = FuseMode.MeanSoftmax;

    /// <summary>Weights of a tile's pixels where tiles overlap. Default uniform.</summary>
    public BlendMode Blend { get; init; } = BlendMode.Uniform;

    /// <summary>Pixels of the network's input that are cut from each side of a tile's output where another tile covers
    /// them; less than half of the crop. Default 0.</summary>
    public int Halo { get; init; }

    /// <summary>Height and width of a tile.</summary>
    public IReadOnlyList<int> Tile(SizeManifest size) => ManifestValidator.Sides(Crop ?? size.Fixed ?? [UsualCrop]);
}

/// <summary>How the network sees an image.</summary>
public enum InferenceMode
{
    /// <summary>In one piece.</summary>
    Whole,

    /// <summary>In tiles of one size that overlap.</summary>
    Slide,
}

/// <summary>How several passes over a pixel are fused: overlapping tiles, scales, the mirrored image.</summary>
public enum FuseMode
{
    /// <summary>The mean of the probabilities, as in PSPNet, OpenMMLab and most others.</summary>
    MeanSoftmax,

    /// <summary>The mean of the logits, which has the same argmax as their sum, as in HRNet.</summary>
    SumLogits,

    /// <summary>The largest logit of each class, as DeepLab v2 fuses scales.</summary>
    MaxLogits,
}

/// <summary>The weights of a tile's pixels where tiles overlap. They are scaled so that the weights of all tiles sum to
/// 1 at each pixel.</summary>
public enum BlendMode
{
    /// <summary>Every tile counts the same, as in OpenMMLab and semseg.</summary>
    Uniform,

    /// <summary>A Hann window: 1 in the middle of a tile, near 0 at its edge.</summary>
    Hann,

    /// <summary>A Gaussian whose standard deviation is an eighth of the tile, as in nnU-Net.</summary>
    Gaussian,
}
