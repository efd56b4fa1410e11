namespace InferenceServer.Runtime.Manifests;

/// <summary>How several passes of a pixel become one: overlapping tiles, scales, the mirrored photograph.</summary>
public enum FuseMode
{
    /// <summary>The mean of the probabilities, as PSPNet, OpenMMLab and most others fuse.</summary>
    MeanSoftmax,

    /// <summary>The mean of the logits, whose largest is also the sum's, as HRNet fuses.</summary>
    SumLogits,

    /// <summary>The largest logit of each class, as DeepLab v2 fuses scales.</summary>
    MaxLogits,
}
