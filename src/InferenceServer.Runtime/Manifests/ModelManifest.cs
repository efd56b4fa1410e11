namespace InferenceServer.Runtime.Manifests;

/// <summary>The settings of a model, from <c>model.json</c> beside the model's versions; models/README.md explains
/// every key.</summary>
/// <remarks>Plain data, as written; <see cref="ManifestReader"/> reads and checks the file. Keys are in snake_case;
/// unknown keys are errors.</remarks>
internal sealed record ModelManifest
{
    /// <summary>Version of this format; 1.</summary>
    public required int Schema { get; init; }

    /// <summary>The model's name; must equal the name of the folder where given.</summary>
    public string? Name { get; init; }

    /// <summary>The version of the weights, as information; the server uses the number of the version's
    /// folder.</summary>
    public string? Version { get; init; }

    /// <summary>The architecture, for instance <c>deeplabv3plus</c>.</summary>
    public string? Architecture { get; init; }

    /// <summary>The architecture's backbone, for instance <c>resnet50</c>.</summary>
    public string? Backbone { get; init; }

    /// <summary>Where the weights come from.</summary>
    public SourceManifest? Source { get; init; }

    /// <summary>Names and meaning of the graph's input and output.</summary>
    public GraphManifest Graph { get; init; } = new();

    /// <summary>From a file to an image.</summary>
    public DecodeManifest Decode { get; init; } = new();

    /// <summary>From an image to the graph's input. Every key is required, because a wrong default would lower the
    /// accuracy without an error.</summary>
    public required PreprocessManifest Preprocess { get; init; }

    /// <summary>The default passes of a request.</summary>
    public InferenceManifest Inference { get; init; } = new();

    /// <summary>From the graph's output to labels.</summary>
    public PostprocessManifest Postprocess { get; init; } = new();

    /// <summary>Names and colours of the classes.</summary>
    public required ClassesManifest Classes { get; init; }

    /// <summary>The runs before the model serves.</summary>
    public WarmUpManifest? WarmUp { get; init; }

    /// <summary>The measured best settings of the network on a GPU.</summary>
    public GpuManifest? Gpu { get; init; }

    /// <summary>The measured accuracy, and how it was measured.</summary>
    public QualityManifest? Quality { get; init; }

    /// <summary>The cost of one pass.</summary>
    public CostManifest? Cost { get; init; }
}

/// <summary>The runs before the model serves: every size with every batch size.</summary>
internal sealed record WarmUpManifest
{
    /// <summary>[height, width] of common images; default: <see cref="CostManifest.At"/>, else 480×640.</summary>
    public IReadOnlyList<IReadOnlyList<int>>? Sizes { get; init; }

    /// <summary>Batch sizes, up to <see cref="GraphManifest.MaxBatch"/>; default: every batch size that the section
    /// <c>Batching</c> of the configuration allows.</summary>
    public IReadOnlyList<int>? Batches { get; init; }
}

/// <summary>How files are decoded.</summary>
internal sealed record DecodeManifest
{
    /// <summary>Whether a JPEG shrinks while it is decoded, where only the network sees the image, whole and once, and at
    /// least twice the size that the network sees remains. Faster, but the network sees pixels that differ slightly from
    /// those of a full decode.</summary>
    public bool ScaleOnLoad { get; init; }
}
