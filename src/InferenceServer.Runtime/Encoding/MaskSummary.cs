namespace InferenceServer.Runtime.Encoding;

/// <summary>The answer in the format <c>json</c>.</summary>
public sealed record MaskSummary
{
    /// <summary>The model's name.</summary>
    public required string Model { get; init; }

    /// <summary>The version that answered.</summary>
    public required int Version { get; init; }

    /// <summary>Width of the upright photograph, in pixels.</summary>
    public required int Width { get; init; }

    /// <summary>Height of the upright photograph, in pixels.</summary>
    public required int Height { get; init; }

    /// <summary>The classes that occur, in order of their index.</summary>
    public required IReadOnlyList<ClassSummary> Classes { get; init; }
}
