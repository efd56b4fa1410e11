namespace InferenceServer.Kernels.Labels;

/// <summary>What a model's scores are.</summary>
public enum ScoreKind
{
    /// <summary>Any real numbers; softmax or sigmoid turns them into probabilities.</summary>
    Logits,

    /// <summary>Already probabilities, 0…1.</summary>
    Probabilities,
}
