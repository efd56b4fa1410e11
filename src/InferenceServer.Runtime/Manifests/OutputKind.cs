namespace InferenceServer.Runtime.Manifests;

/// <summary>What a graph's output holds.</summary>
public enum OutputKind
{
    /// <summary>Unnormalised scores, N×n×h×w.</summary>
    Logits,

    /// <summary>Scores after softmax or sigmoid, N×n×h×w.</summary>
    Probabilities,

    /// <summary>Class indices, N×h×w or N×1×h×w, of an integer type.</summary>
    Labels,

    /// <summary>One unnormalised score for the second of two classes, N×1×h×w.</summary>
    BinaryLogit,
}
