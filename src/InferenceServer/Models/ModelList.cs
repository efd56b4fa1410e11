namespace InferenceServer.Models;

/// <summary>The models of the repository.</summary>
public sealed record ModelList
{
    /// <summary>The model that answers when a request names none.</summary>
    public required string? Default { get; init; }

    /// <summary>All models, by name.</summary>
    public required IReadOnlyList<ModelOverview> Models { get; init; }
}
