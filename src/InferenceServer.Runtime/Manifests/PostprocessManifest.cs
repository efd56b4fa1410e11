namespace InferenceServer.Runtime.Manifests;

/// <summary>From the graph's output to labels.</summary>
public sealed record PostprocessManifest
{
    /// <summary>What makes probabilities of logits: <c>softmax</c>, or <c>sigmoid</c> for <c>binary_logit</c>.</summary>
    public string? Activation { get; init; }

    /// <summary>How scores are resized; only bilinear.</summary>
    public string Resize { get; init; } = "bilinear";

    /// <summary>Corner rule of the upsampling from the output's grid to the input's size.</summary>
    public bool AlignCorners { get; init; }

    /// <summary>Probability above which <c>binary_logit</c> and one-channel probabilities are the second class. Default 0.5.</summary>
    public float? Threshold { get; init; }

    /// <summary>Parameters of the fully connected CRF.</summary>
    public CrfManifest? Crf { get; init; }
}
