namespace InferenceServer.OpenInference;

/// <summary>Instances of a model.</summary>
public sealed record InstanceGroup
{
    /// <summary>How many.</summary>
    public required int Count { get; init; }

    /// <summary>KIND_CPU or KIND_GPU.</summary>
    public required string Kind { get; init; }
}
