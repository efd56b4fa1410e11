namespace InferenceServer.Runtime.Models;

/// <summary>How far a model is; names as in the Open Inference Protocol's repository index.</summary>
internal enum ModelState
{
    /// <summary>It is being read, tried and warmed.</summary>
    Loading,

    /// <summary>It serves.</summary>
    Ready,

    /// <summary>It could not be loaded; the reason stands beside it.</summary>
    Unavailable,
}

/// <summary>Why a model's folder is applied.</summary>
internal enum LoadCause
{
    /// <summary>The server starts: a GPU that is required and cannot be had ends that.</summary>
    Start,

    /// <summary>Its files have changed: what has not is kept, and what has failed stays so.</summary>
    Change,

    /// <summary>A load that an operator asked for: versions that have not changed are loaded again, and failed versions
    /// are tried again.</summary>
    Request,
}

/// <summary>How far the loading of a version is.</summary>
/// <param name="Step">What is being done, for people.</param>
/// <param name="Done">Trial and warm-up runs that are done.</param>
/// <param name="Total">Trial and warm-up runs in all; 0 while they are not counted yet.</param>
internal sealed record LoadProgress(string Step, int Done = 0, int Total = 0);

/// <summary>One model of the repository as it stands at one moment.</summary>
/// <param name="Name">Its folder's name.</param>
/// <param name="State">How far it is.</param>
/// <param name="Model">The version that answers unless a request names one; null until one is ready.</param>
/// <param name="Reason">Why it is unavailable; or why a version that should serve does not.</param>
/// <remarks>What a request runs on it gets as a lease; a model read from here tells about itself, and may be freed at
/// any moment.</remarks>
internal sealed record ModelEntry(string Name, ModelState State, LoadedModel? Model = null, string? Reason = null)
{
    /// <summary>All versions that serve, the newest first; <see cref="Model"/> is the first of them.</summary>
    public IReadOnlyList<LoadedModel> Versions { get; init; } = Model is null ? [] : [Model];

    /// <summary>The load that is under way, of the first version or of one that will take its place; else
    /// null.</summary>
    public LoadProgress? Progress { get; init; }
}
