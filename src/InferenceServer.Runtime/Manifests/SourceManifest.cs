namespace InferenceServer.Runtime.Manifests;

/// <summary>The origin of the weights, shown to users; <see cref="Sha256"/> and <see cref="Weights"/> are checked when
/// the model loads.</summary>
internal sealed record SourceManifest
{
    /// <summary>The project that defines the architecture.</summary>
    public string? Project { get; init; }

    /// <summary>The file that held the weights.</summary>
    public string? Checkpoint { get; init; }

    /// <summary>Licence of the weights.</summary>
    public string? Licence { get; init; }

    /// <summary>The program that wrote the graph.</summary>
    public string? Exporter { get; init; }

    /// <summary>ONNX operator set.</summary>
    public int? Opset { get; init; }

    /// <summary>SHA-256 of <c>model.onnx</c> of the largest version, in hexadecimal digits.</summary>
    public string? Sha256 { get; init; }

    /// <summary>SHA-256 of the files beside that graph that hold its weights, by file name.</summary>
    public IReadOnlyDictionary<string, string>? Weights { get; init; }
}

/// <summary>A measured accuracy.</summary>
internal sealed record QualityManifest
{
    /// <summary>The metric, for instance mIoU.</summary>
    public string? Metric { get; init; }

    /// <summary>Its value, in the metric's own unit.</summary>
    public double? Value { get; init; }

    /// <summary>The images of the measurement.</summary>
    public string? Dataset { get; init; }

    /// <summary>The method of the measurement.</summary>
    public string? Protocol { get; init; }
}

/// <summary>The cost of one pass.</summary>
internal sealed record CostManifest
{
    /// <summary>Number of trained parameters.</summary>
    public long? Parameters { get; init; }

    /// <summary>10⁹ multiply-accumulates.</summary>
    public double? Gmac { get; init; }

    /// <summary>[height, width] of the input that the cost was counted at; the warm-up runs at this size.</summary>
    public IReadOnlyList<int>? At { get; init; }
}
