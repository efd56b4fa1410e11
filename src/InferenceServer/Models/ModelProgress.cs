namespace InferenceServer.Models;

/// <summary>How far the loading of a version is.</summary>
public sealed record ModelProgress
{
    /// <summary>What is being done.</summary>
    public required string Step { get; init; }

    /// <summary>Trial and warm-up runs that are done.</summary>
    public required int Done { get; init; }

    /// <summary>Trial and warm-up runs in all; 0 while they are not counted yet.</summary>
    public required int Total { get; init; }
}
