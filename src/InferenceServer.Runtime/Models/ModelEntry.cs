namespace InferenceServer.Runtime.Models;

/// <summary>One model of the repository as it stands at one moment.</summary>
/// <param name="Name">Its folder's name.</param>
/// <param name="State">How far it is.</param>
/// <param name="Model">The model, once it is ready.</param>
/// <param name="Reason">Why it is unavailable; or why its largest version is, where an older one serves.</param>
public sealed record ModelEntry(string Name, ModelState State, LoadedModel? Model = null, string? Reason = null);
