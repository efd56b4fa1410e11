using InferenceServer.Runtime.Models;

namespace InferenceServer.Models;

/// <summary>One model, in a line.</summary>
public sealed record ModelOverview
{
    /// <summary>The name that requests use.</summary>
    public required string Name { get; init; }

    /// <summary>LOADING, READY or UNAVAILABLE.</summary>
    public required string State { get; init; }

    /// <summary>Why it is unavailable; or why a version that should serve does not.</summary>
    public string? Reason { get; init; }

    /// <summary>The load that is under way, of the first version or of one that will take its place.</summary>
    public ModelProgress? Progress { get; init; }

    /// <summary>The version that answers unless a request names one.</summary>
    public int? Version { get; init; }

    /// <summary>All versions that serve, the newest first.</summary>
    public IReadOnlyList<int>? Versions { get; init; }

    /// <summary>What computes it: cpu or cuda.</summary>
    public string? Provider { get; init; }

    /// <summary>The system, for instance deeplabv3plus.</summary>
    public string? Architecture { get; init; }

    internal static ModelOverview Of(ModelEntry entry) => new()
    {
        Name = entry.Name,
        State = entry.State.ToString().ToUpperInvariant(),
        Reason = entry.Reason,
        Progress = entry.Progress is { } progress ? new ModelProgress { Step = progress.Step, Done = progress.Done, Total = progress.Total } : null,
        Version = entry.Model?.Version,
        Versions = entry.Versions.Count > 0 ? [.. entry.Versions.Select(m => m.Version)] : null,
        Provider = entry.Model?.Session.Provider.ToString().ToLowerInvariant(),
        Architecture = entry.Model?.Manifest.Architecture,
    };
}
