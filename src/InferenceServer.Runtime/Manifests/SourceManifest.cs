namespace InferenceServer.Runtime.Manifests;

/// <summary>Where the weights come from; shown to users, and <see cref="Sha256"/> and <see cref="Weights"/> are checked
/// at load.</summary>
internal sealed record SourceManifest
{
    /// <summary>The project whose definition the graph has.</summary>
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

    /// <summary>The same of files beside that graph which hold its weights, by their names.</summary>
    public IReadOnlyDictionary<string, string>? Weights { get; init; }
}

/// <summary>An accuracy that was measured.</summary>
internal sealed record QualityManifest
{
    /// <summary>The metric, for instance mIoU.</summary>
    public string? Metric { get; init; }

    /// <summary>Its value, in the metric's own unit.</summary>
    public double? Value { get; init; }

    /// <summary>The images it was measured on.</summary>
    public string? Dataset { get; init; }

    /// <summary>How.</summary>
    public string? Protocol { get; init; }
}

/// <summary>What one pass costs.</summary>
internal sealed record CostManifest
{
    /// <summary>Number of trained parameters.</summary>
    public long? Parameters { get; init; }

    /// <summary>10⁹ multiply-accumulates.</summary>
    public double? Gmac { get; init; }

    /// <summary>[height, width] they were counted at; the warm-up runs at this size.</summary>
    public IReadOnlyList<int>? At { get; init; }
}
