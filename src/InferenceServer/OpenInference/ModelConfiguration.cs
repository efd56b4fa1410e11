namespace InferenceServer.OpenInference;

/// <summary>How a model is run, in the terms that clients of this protocol know.</summary>
public sealed record ModelConfiguration
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>What computes it.</summary>
    public string Platform { get; init; } = "onnxruntime_onnx";

    /// <summary>The program that runs it.</summary>
    public string Backend { get; init; } = "onnxruntime";

    /// <summary>The graph's file in a version's folder.</summary>
    public string DefaultModelFilename { get; init; } = "model.onnx";

    /// <summary>Most images of a request; 0 where shapes have no batch axis, and then <c>dims</c> are the whole shape.</summary>
    public required int MaxBatchSize { get; init; }

    /// <summary>Its one input.</summary>
    public required IReadOnlyList<TensorConfiguration> Input { get; init; }

    /// <summary>Its one output.</summary>
    public required IReadOnlyList<TensorConfiguration> Output { get; init; }

    /// <summary>Runs at the same time.</summary>
    public required IReadOnlyList<InstanceGroup> InstanceGroup { get; init; }

    /// <summary>How requests share runs; absent where each runs alone.</summary>
    public DynamicBatching? DynamicBatching { get; init; }

    /// <summary>One answer to a request.</summary>
    public TransactionPolicy ModelTransactionPolicy { get; init; } = new();
}

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

/// <summary>How requests share runs.</summary>
public sealed record DynamicBatching
{
    /// <summary>The largest batch, which a run takes if so many wait.</summary>
    public required IReadOnlyList<int> PreferredBatchSize { get; init; }

    /// <summary>Longest wait for company.</summary>
    public required long MaxQueueDelayMicroseconds { get; init; }
}

/// <summary>Instances of a model.</summary>
public sealed record InstanceGroup
{
    /// <summary>How many.</summary>
    public required int Count { get; init; }

    /// <summary>KIND_CPU or KIND_GPU.</summary>
    public required string Kind { get; init; }
}

/// <summary>How many answers a request gets.</summary>
public sealed record TransactionPolicy
{
    /// <summary>Whether it can be another number than one; it cannot.</summary>
    public bool Decoupled { get; init; }
}
