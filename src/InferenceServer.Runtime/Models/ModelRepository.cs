using System.Collections.Immutable;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Sessions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Models;

/// <summary>The models of one folder. Readers take an immutable snapshot and never wait.</summary>
public sealed class ModelRepository(ModelLoader loader, IOptions<ModelRepositoryOptions> options, ILogger<ModelRepository> logger) : IDisposable
{
    private const string Looking = "The models are being looked for; try again in a moment.";
    private readonly ModelRepositoryOptions _options = options.Value;
    private ImmutableSortedDictionary<string, ModelEntry> _entries = ImmutableSortedDictionary<string, ModelEntry>.Empty.WithComparers(StringComparer.Ordinal);
    private volatile bool _loaded;

    /// <summary>All models, by name, as they stand now.</summary>
    public IEnumerable<ModelEntry> Entries => Volatile.Read(ref _entries).Values;

    /// <summary>The model that answers when a request names none; null where that is not defined.</summary>
    // The shipped default is gone where people mount models of their own; if there is just one of those, it is meant.
    public string? Default => Volatile.Read(ref _entries) is { Count: 1 } only ? only.Keys.First() : string.IsNullOrEmpty(_options.Default) ? null : _options.Default;

    /// <summary>Whether every required model serves.</summary>
    public bool IsReady => NotReady().Count == 0;

    // Until the folder is listed, no name can be called unknown.
    private bool IsLooking => !_loaded && Volatile.Read(ref _entries).IsEmpty;

    /// <summary>What keeps the server from being ready, one sentence each.</summary>
    public IReadOnlyList<string> NotReady()
    {
        if (IsLooking)
        {
            return [Looking];
        }

        // Whoever mounts models of their own over the shipped ones need not also say that the shipped default is gone.
        IReadOnlyList<string> required = [.. _options.Required.Count > 0 ? _options.Required : Default is { } name && Find(name) is not null ? [name] : []];
        if (required.Count > 0)
        {
            return [.. required.Where(r => Find(r)?.State != ModelState.Ready).Select(Explain)];
        }

        return Entries.Any(e => e.State == ModelState.Ready) ? [] : ["No model is ready."];
    }

    /// <summary>The model of that name, ready to serve.</summary>
    /// <param name="name">A model's name; null takes the default.</param>
    /// <exception cref="SegmentationException">Unknown, still loading, or unavailable.</exception>
    public LoadedModel Get(string? name)
    {
        if (IsLooking)
        {
            throw new SegmentationException(SegmentationError.ModelNotReady, Looking);
        }

        name ??= Default ?? throw new SegmentationException(
            SegmentationError.UnknownModel, $"No default model is configured (Models:Default); name one of: {Names()}.");
        return Entry(name).Model ?? throw new SegmentationException(SegmentationError.ModelNotReady, Explain(name));
    }

    /// <summary>The entry of that name, however far it is.</summary>
    /// <exception cref="SegmentationException">There is none.</exception>
    public ModelEntry Entry(string name) =>
        Find(name) ?? throw new SegmentationException(SegmentationError.UnknownModel, $"There is no model '{name}'; there are: {Names()}.");

    /// <summary>The entry of that name, or null.</summary>
    public ModelEntry? Find(string name) => Volatile.Read(ref _entries).GetValueOrDefault(name);

    /// <summary>Loads every model in the folder, one after another; one that fails harms no other.</summary>
    /// <exception cref="DirectoryNotFoundException">The folder does not exist.</exception>
    public void Load(CancellationToken cancellationToken)
    {
        string[] folders = Folders();
        foreach (string folder in folders)
        {
            Set(new ModelEntry(Path.GetFileName(folder), ModelState.Loading));
        }

        foreach (string folder in folders)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Set(LoadFolder(folder, cancellationToken));
        }

        _loaded = true;
        Complain(folders);
    }

    /// <summary>Loads one model and leaves the others alone: for tools that need no other.</summary>
    /// <param name="name">The model's name.</param>
    /// <param name="cancellationToken">Ends the trial runs.</param>
    /// <returns>The model, which stays the repository's.</returns>
    /// <exception cref="DirectoryNotFoundException">The folder does not exist.</exception>
    /// <exception cref="SegmentationException">Unknown or unavailable.</exception>
    public LoadedModel Load(string name, CancellationToken cancellationToken)
    {
        string[] folders = Folders();
        string folder = folders.FirstOrDefault(f => Path.GetFileName(f) == name) ?? throw new SegmentationException(
            SegmentationError.UnknownModel, $"There is no model '{name}'; there are: {string.Join(", ", folders.Select(Path.GetFileName).DefaultIfEmpty("none"))}.");
        LoadedModel? previous = Find(name)?.Model;
        Set(LoadFolder(folder, cancellationToken));
        previous?.Dispose();
        return Get(name);
    }

    /// <summary>Frees all models; no request may be under way.</summary>
    public void Dispose()
    {
        foreach (ModelEntry entry in Entries)
        {
            entry.Model?.Dispose();
        }
    }

    private string[] Folders()
    {
        string root = Path.GetFullPath(_options.Path);
        return Directory.Exists(root)
            ? [.. Directory.EnumerateDirectories(root, "*", new EnumerationOptions { IgnoreInaccessible = true }).Where(IsModel).Order(StringComparer.Ordinal)]
            : throw new DirectoryNotFoundException($"Models:Path: the folder '{root}' does not exist.");
    }

    // A folder of tools beside the models is no broken model; one that holds a graph somewhere is, and says what it lacks.
    private static bool IsModel(string folder) => File.Exists(Path.Combine(folder, ManifestReader.FileName)) || Graphs(folder, depth: 2).Any();

    private static IEnumerable<string> Graphs(string folder, int depth) => Directory.EnumerateFiles(
        folder, "*.onnx", new EnumerationOptions { RecurseSubdirectories = depth > 0, MaxRecursionDepth = depth, IgnoreInaccessible = true });

    /// <summary>What an operator would otherwise find out from the first user.</summary>
    private void Complain(string[] folders)
    {
        string root = Path.GetFullPath(_options.Path);
        if (folders.Length == 0)
        {
            Log.NoModels(logger, root);
        }

        foreach (string stray in Graphs(root, depth: 0).Select(Path.GetFileName)!)
        {
            Log.StrayGraph(logger, stray, Path.GetFileNameWithoutExtension(stray));
        }

        foreach (string missing in _options.Required.Append(Default ?? "").Where(name => name.Length > 0 && Find(name) is null).Distinct())
        {
            Log.ModelMissing(logger, missing, Names());
        }
    }

    private ModelEntry LoadFolder(string folder, CancellationToken cancellationToken)
    {
        string name = Path.GetFileName(folder);
        string? reason = null;
        foreach (int version in ModelLoader.Versions(folder))
        {
            try
            {
                LoadedModel model = loader.Load(folder, version, cancellationToken);
                Log.ModelReady(logger, name, version, model.Session.Provider, model.LoadTime.TotalMilliseconds);
                return new ModelEntry(name, ModelState.Ready, model, reason);
            }
            catch (Exception e) when (e is not OperationCanceledException and not GpuRequiredException)
            {
                // Only what was written for people is shown to clients; other messages hold paths of this machine.
                reason ??= e is ManifestException ? e.Message : $"{name}/{version}: reading or trying the model failed; the server's log says how.";
                Log.ModelUnavailable(logger, name, version, e is ManifestException ? e.Message : e.ToString());
            }
        }

        if (reason is null)
        {
            reason = $"{name}: no version found; expected the graph as {name}/1/model.onnx (or another whole number) and the manifest as {name}/model.json.";
            Log.ModelWithoutVersion(logger, name, reason);
        }

        return new ModelEntry(name, ModelState.Unavailable, Reason: reason);
    }

    private void Set(ModelEntry entry) => ImmutableInterlocked.Update(ref _entries, static (all, e) => all.SetItem(e.Name, e), entry);

    private string Names() => Entries.Any() ? string.Join(", ", Entries.Select(e => e.Name)) : "none";

    private string Explain(string name) => Find(name) switch
    {
        null => $"The model '{name}' is not in the repository.",
        { State: ModelState.Unavailable } entry => $"The model '{name}' is unavailable: {entry.Reason}",
        _ => $"The model '{name}' is still loading; try again in a moment.",
    };
}
