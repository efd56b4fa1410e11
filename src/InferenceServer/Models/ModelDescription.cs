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
