namespace InferenceServer.OpenInference;

/// <summary>The configuration of a model, in the protocol's terms.</summary>
public sealed record ModelConfiguration
{
    /// <summary>The model's name.</summary>
    public required string Name { get; init; }

    /// <summary>The platform.</summary>
    public string Platform { get; init; } = "onnxruntime_onnx";

    /// <summary>The backend that runs the model.</summary>
    public string Backend { get; init; } = "onnxruntime";

    /// <summary>The file of the graph in a version's folder.</summary>
    public string DefaultModelFilename { get; init; } = "model.onnx";

    /// <summary>Most images in a request; 0 where shapes have no batch axis, so that <c>dims</c> are the whole
    /// shape.</summary>
    public required int MaxBatchSize { get; init; }

    /// <summary>The only input.</summary>
    public required IReadOnlyList<TensorConfiguration> Input { get; init; }

    /// <summary>The only output.</summary>
    public required IReadOnlyList<TensorConfiguration> Output { get; init; }

    /// <summary>The parallel instances.</summary>
    public required IReadOnlyList<InstanceGroup> InstanceGroup { get; init; }

    /// <summary>Batching of requests; absent where each request runs alone.</summary>
    public DynamicBatching? DynamicBatching { get; init; }

    /// <summary>The number of responses to a request.</summary>
    public TransactionPolicy ModelTransactionPolicy { get; init; } = new();
}

/// <summary>An input or output in a model's configuration.</summary>
public sealed record TensorConfiguration
{
    /// <summary>The tensor's name.</summary>
    public required string Name { get; init; }

    /// <summary>The element type, for instance TYPE_FP32.</summary>
    public required string DataType { get; init; }

    /// <summary>The sides without the batch axis; −1 where the request chooses.</summary>
    public required IReadOnlyList<long> Dims { get; init; }
}

/// <summary>Batching of requests.</summary>
public sealed record DynamicBatching
{
    /// <summary>The largest batch.</summary>
    public required IReadOnlyList<int> PreferredBatchSize { get; init; }

    /// <summary>Longest time that an instance waits for more images.</summary>
    public required long MaxQueueDelayMicroseconds { get; init; }
}

/// <summary>Instances of a model.</summary>
public sealed record InstanceGroup
{
    /// <summary>Number of instances.</summary>
    public required int Count { get; init; }

    /// <summary>KIND_CPU or KIND_GPU.</summary>
    public required string Kind { get; init; }
}

/// <summary>The number of responses to a request.</summary>
/// <remarks>Always one.</remarks>
public sealed record TransactionPolicy
{
    /// <summary>Whether a request may have another number of responses than one; always false.</summary>
    public bool Decoupled { get; init; }
}
