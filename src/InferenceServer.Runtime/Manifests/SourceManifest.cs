namespace InferenceServer.Runtime.Manifests;

/// <summary>Where the weights come from; shown to users, and <see cref="Sha256"/> and <see cref="Weights"/> are checked at load.</summary>
public sealed record SourceManifest
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
