namespace InferenceServer.OpenInference;

/// <summary>An input tensor of a request.</summary>
internal sealed record InferInput
{
    /// <summary>Its name; null in raw mode, where the model has only one.</summary>
    public string? Name { get; init; }

    /// <summary>Its element type; null in raw mode.</summary>
    public string? Datatype { get; init; }

    /// <summary>Its sides; empty in raw mode.</summary>
    public IReadOnlyList<long> Shape { get; init; } = [];

    /// <summary>Its parameters.</summary>
    public InferParameters Parameters { get; init; } = InferParameters.None;

    /// <summary>The elements in the order of the axes, little-endian; not of <c>BYTES</c>.</summary>
    public ReadOnlyMemory<byte> Data { get; init; }

    /// <summary>The elements of <c>BYTES</c>.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> Elements { get; init; } = [];
}
