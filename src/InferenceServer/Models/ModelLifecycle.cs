using InferenceServer.Runtime.Models;

namespace InferenceServer.Models;

/// <summary>Loads and unloads models aside from the requests.</summary>
internal sealed class ModelLifecycle(ModelRepository repository, IHostApplicationLifetime lifetime)
{
    /// <summary>The type of the problem that a model which does not load is.</summary>
    public const string Unusable = "model-unusable";

    /// <summary>Loads a model, or loads it again.</summary>
    /// <returns>The model as it then stands.</returns>
    public Task<ModelEntry> LoadAsync(string model) => Aside(() => repository.Reload(model, lifetime.ApplicationStopping));

    /// <summary>Stops serving a model.</summary>
    /// <returns>The model as it then stands.</returns>
    public Task<ModelEntry> UnloadAsync(string model) => Aside(() => repository.Unload(model, lifetime.ApplicationStopping));

    /// <summary>Why a load did not bring what it should; null where it did.</summary>
    public static string? Failure(ModelEntry entry) => entry.Reason is null ? null : entry.Model is null ? entry.Reason : $"{entry.Reason} Version {entry.Model.Version} keeps serving.";

    // Loading takes seconds of a whole thread, of which the pool has few to spare. It goes on when the caller has gone: half a load helps nobody.
    private static Task<ModelEntry> Aside(Func<ModelEntry> change) =>
        Task.Factory.StartNew(change, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
}
