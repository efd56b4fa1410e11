namespace InferenceServer.Runtime.Manifests;

/// <summary>Legal heights and widths are multiple·k + offset.</summary>
public sealed record SizeManifest
{
    /// <summary>The step between legal sizes; 1 where any is.</summary>
    public required int Multiple { get; init; }

    /// <summary>Added to the multiples: 1 for PSPNet's 8k+1.</summary>
    public int Offset { get; init; }

    /// <summary>A coarser step that inputs are padded to, so that photographs of unlike sizes share a batch. Right only for graphs whose answer inside does not change with padding outside.
    /// Null leaves that to the server's options.</summary>
    public int? Bucket { get; init; }

    /// <summary>[height, width] of a graph that takes no other.</summary>
    public IReadOnlyList<int>? Fixed { get; init; }

    /// <summary>Smallest side; smaller images are padded to it.</summary>
    public int Min { get; init; } = 32;
}
