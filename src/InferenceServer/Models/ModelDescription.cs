using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Models;

namespace InferenceServer.Models;

/// <summary>All that is known of one model.</summary>
public sealed record ModelDescription
{
    /// <summary>Name, state, version and provider.</summary>
    public required ModelOverview Model { get; init; }

    /// <summary>The classes by index; absent until the model is ready.</summary>
    public IReadOnlyList<ClassDescription>? Classes { get; init; }

    /// <summary>The label of pixels that count as no class.</summary>
    public int? Ignore { get; init; }

    /// <summary>Inputs of the graph, for instance <c>input: float32 [?, 3, ?, ?]</c>.</summary>
    public IReadOnlyList<string>? Inputs { get; init; }

    /// <summary>Outputs of the graph.</summary>
    public IReadOnlyList<string>? Outputs { get; init; }

    /// <summary>Milliseconds that reading, trying and warming took.</summary>
    public double? LoadMs { get; init; }

    /// <summary>The manifest as written.</summary>
    public ModelManifest? Manifest { get; init; }

    internal static ModelDescription Of(ModelEntry entry) => Of(entry, entry.Model);

    internal static ModelDescription Of(ModelEntry entry, LoadedModel? model) => model is null
        ? new ModelDescription { Model = ModelOverview.Of(entry) }
        : new ModelDescription
        {
            Model = ModelOverview.Of(entry) with { Version = model.Version },
            Classes = [.. model.Classes.Names.Select((name, index) => new ClassDescription { Index = index, Name = name, Color = model.Classes.Color(index) })],
            Ignore = model.Classes.Ignore,
            Inputs = [.. model.Session.Signature.Inputs.Select(i => i.ToString())],
            Outputs = [.. model.Session.Signature.Outputs.Select(o => o.ToString())],
            LoadMs = Math.Round(model.LoadTime.TotalMilliseconds, 1),
            Manifest = model.Manifest,
        };
}

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

/// <summary>The models of the repository.</summary>
public sealed record ModelList
{
    /// <summary>The model that answers when a request names none.</summary>
    public required string? Default { get; init; }

    /// <summary>All models, by name.</summary>
    public required IReadOnlyList<ModelOverview> Models { get; init; }
}

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
