using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Models;

namespace InferenceServer.Models;

/// <summary>The description of a model.</summary>
internal sealed record ModelDescription
{
    /// <summary>Name, state, version and provider.</summary>
    public required ModelOverview Model { get; init; }

    /// <summary>The classes by index; absent until the model is ready.</summary>
    public IReadOnlyList<ClassDescription>? Classes { get; init; }

    /// <summary>The void label: its pixels belong to no class.</summary>
    public int? Ignore { get; init; }

    /// <summary>Inputs of the graph as the file declares them, for instance <c>input: float32 [?, 3, ?, ?]</c>.</summary>
    public IReadOnlyList<string>? Inputs { get; init; }

    /// <summary>Outputs of the graph as the file declares them.</summary>
    public IReadOnlyList<string>? Outputs { get; init; }

    /// <summary>What was added before and behind the graph in memory, for instance <c>input: N×C×H×W to N×H×W×C</c>;
    /// empty where the file serves as it is.</summary>
    public IReadOnlyList<string>? Adaptations { get; init; }

    /// <summary>What <c>inference-server optimize</c> measured of a network that it made; absent where the exported network
    /// serves.</summary>
    public IReadOnlyDictionary<string, string>? Optimization { get; init; }

    /// <summary>What the trial runs found doubtful in the manifest.</summary>
    public IReadOnlyList<string>? Warnings { get; init; }

    /// <summary>Most images in one run of the network.</summary>
    public int? MaxBatch { get; init; }

    /// <summary>Milliseconds of reading, trial and warm-up of the model.</summary>
    public double? LoadMs { get; init; }

    /// <summary>The manifest as written.</summary>
    public ModelManifest? Manifest { get; init; }

    internal static ModelDescription Of(ModelEntry entry) => Of(entry, entry.Model);

    internal static ModelDescription Of(ModelEntry entry, LoadedModel? model)
    {
        if (model is null)
        {
            return new ModelDescription { Model = ModelOverview.Of(entry) };
        }

        return new ModelDescription
        {
            Model = ModelOverview.Of(entry) with { Version = model.Version },
            Classes = [.. model.Classes.Names.Select((name, index) => ClassDescription.Of(model.Classes, name, index))],
            Ignore = model.Classes.Ignore,
            Inputs = [.. model.Graph.Source.Signature.Inputs.Select(i => i.ToString())],
            Outputs = [.. model.Graph.Source.Signature.Outputs.Select(o => o.ToString())],
            Adaptations = model.Graph.Added,
            Optimization = VariantChoice.Figures(model),
            Warnings = model.Warnings,
            MaxBatch = model.MaxBatch,
            LoadMs = Math.Round(model.LoadTime.TotalMilliseconds, 1),
            Manifest = model.Written,
        };
    }
}

/// <summary>One class of a model.</summary>
internal sealed record ClassDescription
{
    /// <summary>The class index in masks.</summary>
    public required int Index { get; init; }

    /// <summary>The class name.</summary>
    public required string Name { get; init; }

    /// <summary>The colour, #rrggbb.</summary>
    public required string Color { get; init; }

    internal static ClassDescription Of(ClassTable classes, string name, int index) =>
        new() { Index = index, Name = name, Color = classes.Color(index) };
}

/// <summary>The summary of a model.</summary>
internal sealed record ModelOverview
{
    /// <summary>The name that requests use.</summary>
    public required string Name { get; init; }

    /// <summary>LOADING, READY or UNAVAILABLE.</summary>
    public required string State { get; init; }

    /// <summary>Why the model is unavailable, or why a newer version does not serve.</summary>
    public string? Reason { get; init; }

    /// <summary>Progress of the load in progress; absent where no load runs.</summary>
    public ModelProgress? Progress { get; init; }

    /// <summary>The version for requests without a version.</summary>
    public int? Version { get; init; }

    /// <summary>All serving versions, the newest first.</summary>
    public IReadOnlyList<int>? Versions { get; init; }

    /// <summary>The execution provider: cpu or cuda.</summary>
    public string? Provider { get; init; }

    /// <summary>The number format of the network: float32, int8 or float16.</summary>
    public string? Variant { get; init; }

    /// <summary>The architecture, for instance deeplabv3plus.</summary>
    public string? Architecture { get; init; }

    internal static ModelOverview Of(ModelEntry entry) => new()
    {
        Name = entry.Name,
        State = entry.State.ToString().ToUpperInvariant(),
        Reason = entry.Reason,
        Progress = entry.Progress is { } progress
            ? new ModelProgress { Step = progress.Step, Done = progress.Done, Total = progress.Total }
            : null,
        Version = entry.Model?.Version,
        Versions = entry.Versions.Count > 0 ? [.. entry.Versions.Select(m => m.Version)] : null,
        Provider = entry.Model?.Session.Provider.ToString().ToLowerInvariant(),
        Variant = entry.Model?.Variant.ToString().ToLowerInvariant(),
        Architecture = entry.Model?.Manifest.Architecture,
    };
}

/// <summary>The models of the repository.</summary>
internal sealed record ModelList
{
    /// <summary>The default model, for requests without a model.</summary>
    public required string? Default { get; init; }

    /// <summary>All models, by name.</summary>
    public required IReadOnlyList<ModelOverview> Models { get; init; }
}

/// <summary>Progress of loading a version.</summary>
internal sealed record ModelProgress
{
    /// <summary>The current step.</summary>
    public required string Step { get; init; }

    /// <summary>Finished trial and warm-up runs.</summary>
    public required int Done { get; init; }

    /// <summary>All trial and warm-up runs; 0 while their number is unknown.</summary>
    public required int Total { get; init; }
}
