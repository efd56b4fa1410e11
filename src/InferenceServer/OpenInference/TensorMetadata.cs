namespace InferenceServer.OpenInference;

/// <summary>An input or output of a model.</summary>
public sealed record TensorMetadata
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>Its element type: FP32, UINT8, INT8, INT32, INT64 or BYTES.</summary>
    public required string Datatype { get; init; }

    /// <summary>Its sides; −1 where a request chooses.</summary>
    public required IReadOnlyList<long> Shape { get; init; }
}
