namespace InferenceServer.Kernels.Fusion;

/// <summary>How the scores of one pass join those of the others at a pixel.</summary>
public enum ScoreFusion
{
    /// <summary>The sum, each score times the pass's weight there.</summary>
    Add,

    /// <summary>The same of softmax probabilities.</summary>
    AddSoftmax,

    /// <summary>The same of each plane's sigmoid.</summary>
    AddSigmoid,

    /// <summary>The largest score of each class; weights do not count.</summary>
    Max,
}
