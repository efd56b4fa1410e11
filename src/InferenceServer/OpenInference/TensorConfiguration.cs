namespace InferenceServer.OpenInference;

/// <summary>An input or output in a model's configuration.</summary>
public sealed record TensorConfiguration
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>Its element type, for instance TYPE_FP32.</summary>
    public required string DataType { get; init; }

    /// <summary>Its sides without the batch axis; −1 where a request chooses.</summary>
    public required IReadOnlyList<long> Dims { get; init; }
}
