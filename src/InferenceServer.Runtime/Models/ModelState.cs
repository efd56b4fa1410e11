namespace InferenceServer.Runtime.Models;

/// <summary>The state of a model; names as in the Open Inference Protocol's repository index.</summary>
internal enum ModelState
{
    /// <summary>The model is being read, tried and warmed up.</summary>
    Loading,

    /// <summary>The model serves.</summary>
    Ready,

    /// <summary>The model could not be loaded; the entry has the reason.</summary>
    Unavailable,
}

/// <summary>Why a model's folder is applied.</summary>
internal enum LoadCause
{
    /// <summary>The server starts: a required GPU that cannot be used stops the start.</summary>
    Start,

    /// <summary>The files changed: unchanged versions are kept, and failed versions stay failed.</summary>
    Change,

    /// <summary>An operator requested a load: unchanged versions are loaded again, and failed versions are tried
    /// again.</summary>
    Request,
}

/// <summary>The progress of a load.</summary>
/// <param name="Step">The current step, for users.</param>
/// <param name="Done">Finished trial and warm-up runs.</param>
/// <param name="Total">All trial and warm-up runs; 0 before they are counted.</param>
internal sealed record LoadProgress(string Step, int Done = 0, int Total = 0);

/// <summary>A snapshot of one model of the repository.</summary>
/// <param name="Name">Name of the model's folder.</param>
/// <param name="State">The state of the model.</param>
/// <param name="Model">The version for requests that name no version; null until a version is ready.</param>
/// <param name="Reason">Why the model is unavailable, or why a version that should serve does not.</param>
/// <remarks>Requests run on a lease. A model read from a snapshot has valid metadata, but may be freed at any
/// moment.</remarks>
internal sealed record ModelEntry(string Name, ModelState State, LoadedModel? Model = null, string? Reason = null)
{
    /// <summary>All serving versions, the newest first; <see cref="Model"/> is the first of them.</summary>
    public IReadOnlyList<LoadedModel> Versions { get; init; } = Model is null ? [] : [Model];

    /// <summary>The load in progress, of the first version or of a replacement; null where no load runs.</summary>
    public LoadProgress? Progress { get; init; }
}
