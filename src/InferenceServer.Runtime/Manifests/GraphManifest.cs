namespace InferenceServer.Runtime.Manifests;

/// <summary>The graph's interface. Names may be left out where the graph has only one input or output.</summary>
internal sealed record GraphManifest
{
    /// <summary>Name of the image input, N×3×H×W.</summary>
    public string? Input { get; init; }

    /// <summary>Name of the output that holds the scores or labels.</summary>
    public string? Output { get; init; }

    /// <summary>Axis order of the input; only NCHW.</summary>
    public string Layout { get; init; } = "NCHW";

    /// <summary>Element type of the input; only float32.</summary>
    public string Element { get; init; } = "float32";

    /// <summary>Most images in one run; 1 where the batch axis is fixed.</summary>
    public int MaxBatch { get; init; } = 1;

    /// <summary>What the output holds.</summary>
    public OutputKind OutputKind { get; init; } = OutputKind.Logits;

    /// <summary>Input pixels for one output pixel along an axis: 1, 4 or 8 (2, 16 and 32 work too).</summary>
    public int OutputStride { get; init; } = 1;

    /// <summary>Output pixels for one input pixel, for super-resolution; 2 for DSRL.</summary>
    public double OutputScale { get; init; } = 1;

    /// <summary>Further inputs of the graph; not supported: fold them into the graph as constants.</summary>
    public IReadOnlyList<object> ExtraInputs { get; init; } = [];
}

/// <summary>What a graph's output holds.</summary>
internal enum OutputKind
{
    /// <summary>Unnormalised scores of exclusive classes, N×n×h×w.</summary>
    Logits,

    /// <summary>Scores after a softmax, N×n×h×w; with one channel the same as <see cref="BinaryProbability"/>.</summary>
    Probabilities,

    /// <summary>Class indices, N×h×w.</summary>
    Labels,

    /// <summary>One unnormalised score for the second of two classes.</summary>
    BinaryLogit,

    /// <summary>One score after a sigmoid for the second of two classes.</summary>
    BinaryProbability,

    /// <summary>A finished mask of two classes: 0 and 1, or 0 and 255.</summary>
    BinaryMask,

    /// <summary>Unnormalised scores of classes that may overlap, N×n×h×w.</summary>
    MultilabelLogits,

    /// <summary>Scores after a sigmoid of classes that may overlap, N×n×h×w.</summary>
    MultilabelProbabilities,

    /// <summary>Class logits and mask logits of queries, as in MaskFormer: N×q×(n+1) and N×q×h×w.</summary>
    Queries,
}

/// <summary>What the kinds have in common.</summary>
internal static class OutputKinds
{
    /// <summary>Whether each class is decided for itself, so that a pixel may have several or none.</summary>
    public static bool IsMultilabel(this OutputKind kind) => kind is OutputKind.MultilabelLogits or OutputKind.MultilabelProbabilities;

    /// <summary>Whether the scores are probabilities, not logits.</summary>
    public static bool IsProbability(this OutputKind kind) =>
        kind is OutputKind.Probabilities or OutputKind.BinaryProbability or OutputKind.MultilabelProbabilities;
}

/// <summary>The measured best settings of a network on a GPU; a missing setting is taken from the section <c>Onnx</c>
/// of the configuration.</summary>
internal sealed record GpuManifest
{
    /// <summary>How cuDNN finds its algorithms.</summary>
    public ConvSearch? ConvSearch { get; init; }

    /// <summary>Whether convolutions run in N×H×W×C, the layout of tensor cores.</summary>
    public bool? PreferNhwc { get; init; }

    /// <summary>Whether products may be rounded to TF32's 10 bits.</summary>
    public bool? Tf32 { get; init; }
}

/// <summary>How cuDNN finds the algorithm of a convolution at a new shape.</summary>
public enum ConvSearch
{
    /// <summary>By a heuristic: immediate, and nearly always as fast.</summary>
    Heuristic,

    /// <summary>By trying every algorithm: hundreds of milliseconds for every new shape.</summary>
    Exhaustive,

    /// <summary>The default algorithm: slow for some networks, fastest for a few.</summary>
    Default,
}
