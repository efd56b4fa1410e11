namespace InferenceServer.OpenInference;

/// <summary>What a model takes and gives.</summary>
public sealed record ModelMetadata
{
    /// <summary>Its name: of the repository for the graph as it is, with <c>.image</c> behind it for image in, mask out.</summary>
    public required string Name { get; init; }

    /// <summary>The versions that serve, the newest first.</summary>
    public required IReadOnlyList<string> Versions { get; init; }

    /// <summary>What computes it.</summary>
    public string Platform { get; init; } = "onnxruntime_onnx";

    /// <summary>Its one input.</summary>
    public required IReadOnlyList<TensorMetadata> Inputs { get; init; }

    /// <summary>Its one output.</summary>
    public required IReadOnlyList<TensorMetadata> Outputs { get; init; }
}
