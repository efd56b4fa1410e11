namespace InferenceServer.Runtime.Manifests;

/// <summary>What a model needs to be served, as <c>model.json</c> beside its versions states it; models/README.md
/// explains every key.</summary>
/// <remarks>Plain data, as written; <see cref="ManifestReader"/> reads and checks it. Keys are in snake_case; unknown
/// ones are errors.</remarks>
internal sealed record ModelManifest
{
    /// <summary>Version of this format; 1.</summary>
    public required int Schema { get; init; }

    /// <summary>The model's name; if given, that of its folder.</summary>
    public string? Name { get; init; }

    /// <summary>The version of the weights, for people; the folder's number is what counts.</summary>
    public string? Version { get; init; }

    /// <summary>The system, for instance <c>deeplabv3plus</c>.</summary>
    public string? Architecture { get; init; }

    /// <summary>Its backbone, for instance <c>resnet50</c>.</summary>
    public string? Backbone { get; init; }

    /// <summary>Where the weights come from.</summary>
    public SourceManifest? Source { get; init; }

    /// <summary>Names and meaning of the graph's input and output.</summary>
    public GraphManifest Graph { get; init; } = new();

    /// <summary>From an image to the graph's input; everything is required, since a wrong default costs accuracy in
    /// silence.</summary>
    public required PreprocessManifest Preprocess { get; init; }

    /// <summary>How many passes make one result.</summary>
    public InferenceManifest Inference { get; init; } = new();

    /// <summary>From the graph's output to labels.</summary>
    public PostprocessManifest Postprocess { get; init; } = new();

    /// <summary>Names and colours of the classes.</summary>
    public required ClassesManifest Classes { get; init; }

    /// <summary>What the model is run with before it serves.</summary>
    public WarmUpManifest? WarmUp { get; init; }

    /// <summary>What the network runs best with on a GPU.</summary>
    public GpuManifest? Gpu { get; init; }

    /// <summary>The accuracy that was measured, and how.</summary>
    public QualityManifest? Quality { get; init; }

    /// <summary>What one pass costs.</summary>
    public CostManifest? Cost { get; init; }
}

/// <summary>What a model is run with before it serves: every size in every batch.</summary>
internal sealed record WarmUpManifest
{
    /// <summary>[height, width] of images that are usual; default: <see cref="CostManifest.At"/>, else
    /// 480×640.</summary>
    public IReadOnlyList<IReadOnlyList<int>>? Sizes { get; init; }

    /// <summary>Numbers of images in one run, up to <see cref="GraphManifest.MaxBatch"/>; default: every number that
    /// the section <c>Batching</c> of the configuration lets share a run.</summary>
    public IReadOnlyList<int>? Batches { get; init; }
}
