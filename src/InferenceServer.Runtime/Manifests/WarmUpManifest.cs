namespace InferenceServer.Runtime.Manifests;

/// <summary>What a model is run with before it serves: every size in every batch.</summary>
public sealed record WarmUpManifest
{
    /// <summary>[height, width] of photographs that are usual; default: <see cref="CostManifest.At"/>, else 480×640.</summary>
    public IReadOnlyList<IReadOnlyList<int>>? Sizes { get; init; }

    /// <summary>Numbers of images in one run, up to <see cref="GraphManifest.MaxBatch"/>; default: every number that the section <c>Batching</c> of the configuration lets share a run.</summary>
    public IReadOnlyList<int>? Batches { get; init; }
}
