using InferenceServer.Runtime.Models;

namespace InferenceServer.Models;

/// <summary>One model, in a line.</summary>
public sealed record ModelOverview
{
    /// <summary>The name that requests use.</summary>
    public required string Name { get; init; }

    /// <summary>LOADING, READY or UNAVAILABLE.</summary>
    public required string State { get; init; }

    /// <summary>Why it is unavailable; or why its largest version is, where an older one serves.</summary>
    public string? Reason { get; init; }

    /// <summary>The version that serves.</summary>
    public int? Version { get; init; }

    /// <summary>What computes it: cpu or cuda.</summary>
    public string? Provider { get; init; }

    /// <summary>The system, for instance deeplabv3plus.</summary>
    public string? Architecture { get; init; }

    internal static ModelOverview Of(ModelEntry entry) => new()
    {
        Name = entry.Name,
        State = entry.State.ToString().ToUpperInvariant(),
        Reason = entry.Reason,
        Version = entry.Model?.Version,
        Provider = entry.Model?.Session.Provider.ToString().ToLowerInvariant(),
        Architecture = entry.Model?.Manifest.Architecture,
    };
}
