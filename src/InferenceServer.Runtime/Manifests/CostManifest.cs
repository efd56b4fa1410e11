namespace InferenceServer.Runtime.Manifests;

/// <summary>What one pass costs.</summary>
public sealed record CostManifest
{
    /// <summary>Number of trained parameters.</summary>
    public long? Parameters { get; init; }

    /// <summary>10⁹ multiply-accumulates.</summary>
    public double? Gmac { get; init; }

    /// <summary>[height, width] they were counted at; the warm-up runs at this size.</summary>
    public IReadOnlyList<int>? At { get; init; }
}
