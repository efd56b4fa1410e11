namespace InferenceServer.Models;

/// <summary>One class of a model.</summary>
public sealed record ClassDescription
{
    /// <summary>Its index in masks.</summary>
    public required int Index { get; init; }

    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>Its colour, #rrggbb.</summary>
    public required string Color { get; init; }
}
