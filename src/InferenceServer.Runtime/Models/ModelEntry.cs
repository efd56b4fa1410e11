namespace InferenceServer.Runtime.Models;

/// <summary>One model of the repository as it stands at one moment.</summary>
/// <param name="Name">Its folder's name.</param>
/// <param name="State">How far it is.</param>
/// <param name="Model">The version that answers unless a request names one; null until one is ready.</param>
/// <param name="Reason">Why it is unavailable; or why a version that should serve does not.</param>
/// <remarks>What a request runs on it gets as a lease; a model read from here tells about itself, and may be freed at any moment.</remarks>
public sealed record ModelEntry(string Name, ModelState State, LoadedModel? Model = null, string? Reason = null)
{
    /// <summary>All versions that serve, the newest first; <see cref="Model"/> is the first of them.</summary>
    public IReadOnlyList<LoadedModel> Versions { get; init; } = Model is null ? [] : [Model];

    /// <summary>The load that is under way, of the first version or of one that will take its place; else null.</summary>
    public LoadProgress? Progress { get; init; }
}
