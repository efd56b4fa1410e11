using System.Collections.Immutable;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Sessions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Models;

/// <summary>The models of one folder or place. Readers take an immutable snapshot and never wait. Loads run one at a
/// time, but a load that takes long holds up no other model.</summary>
internal sealed class ModelRepository : IDisposable
{
    private const string Looking = "The server is listing or pulling the models; try again in a moment.";
    private const string NotLoading = "No model is loaded: the host has not started, has stopped, or could not load the models.";
    private readonly ModelLoader _loader;
    private readonly ModelRepositoryOptions _options;
    private readonly SegmentationMetrics _metrics;
    private readonly ILogger<ModelRepository> _logger;
    private readonly IModelSource _source;
    private readonly Lock _lock = new(); // guards the dictionary of slots; each slot has a gate of its own
    private readonly HangingCalls _folder = new();
    private readonly SortedDictionary<string, ModelSlot> _slots = new(StringComparer.Ordinal);
    // After this time the next load begins beside a load. Loads beside each other share the processors, and need the memory
    // of their first runs at the same time.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    // ONNX files in the folder itself that were already logged.
    private readonly HashSet<string> _strays = [];
    private ImmutableSortedDictionary<string, ModelEntry> _entries =
        ImmutableSortedDictionary<string, ModelEntry>.Empty.WithComparers(StringComparer.Ordinal);
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool _expected;
    private volatile bool _loaded;

    /// <summary>Creates an empty repository.</summary>
    public ModelRepository(
        IModelSource source, ModelLoader loader, IOptions<ModelRepositoryOptions> options, SegmentationMetrics metrics,
        ILogger<ModelRepository> logger)
    {
        _source = source;
        _loader = loader;
        _options = options.Value;
        _metrics = metrics;
        _logger = logger;
    }

    /// <summary>A snapshot of all models, ordered by name.</summary>
    public IEnumerable<ModelEntry> Entries => Volatile.Read(ref _entries).Values;

    /// <summary>The model of requests that name none; null where no default is defined.</summary>
    // The shipped default is missing where people mount their own models; a single mounted model is then the default.
    public string? Default
    {
        get
        {
            if (Volatile.Read(ref _entries) is { Count: 1 } only)
            {
                return only.Keys.First();
            }

            if (string.IsNullOrEmpty(_options.Default))
            {
                return null;
            }

            return _options.Default;
        }
    }

    /// <summary>Whether every required model serves.</summary>
    public bool IsReady => NotReady().Count == 0;

    private string[] Problems => _source.Problem is { } problem ? [problem] : [];

    // A name is not unknown before the folder was listed.
    private bool IsLooking => !_loaded && Volatile.Read(ref _entries).IsEmpty;

    /// <summary>The reasons why the server is not ready, one sentence each.</summary>
    public IReadOnlyList<string> NotReady()
    {
        if (IsLooking)
        {
            return [Looking];
        }

        // An operator who mounts other models over the shipped models need not change the default model.
        IReadOnlyList<string> required =
        [
            .. _options.Required.Count > 0
                ? _options.Required
                : Default is { } name && Find(name) is not null
                ? [name]
                : []
        ];
        if (required.Count > 0)
        {
            string[] missing = [.. required.Where(r => Find(r)?.State != ModelState.Ready)];
            return [.. missing.Select(Explain), .. missing.Any(name => Find(name) is null) ? Problems : []];
        }

        if (Entries.Any(e => e.State == ModelState.Ready))
        {
            return [];
        }

        return ["No model is ready.", .. Problems];
    }

    /// <summary>Waits while a model loads; <see cref="Lease"/> reports whether the model can be used
    /// afterwards.</summary>
    /// <param name="name">A model's name; null is the default.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    internal async Task WaitAsync(string? name, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task changed = Volatile.Read(ref _changed).Task; // read before the state, so that no change is missed
            if (!_expected || (!IsLooking && Find(name ?? Default ?? "")?.State != ModelState.Loading))
            {
                return;
            }

            await changed.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Sets whether the host loads models; otherwise no request waits for a model.</summary>
    internal void Expect(bool expected)
    {
        _expected = expected;
        Announce();
    }

    /// <summary>Leases a model; the caller disposes the lease.</summary>
    /// <param name="name">A model's name; null is the default.</param>
    /// <param name="version">The number of a serving version; null is the newest.</param>
    /// <exception cref="SegmentationException">The model is unknown, still loading, or unavailable.</exception>
    public ModelLease Lease(string? name, int? version = null)
    {
        while (true)
        {
            if (IsLooking)
            {
                throw new SegmentationException(SegmentationError.ModelNotReady, _expected ? Looking : NotLoading);
            }

            string wanted = name ?? Default ?? throw new SegmentationException(
                SegmentationError.UnknownModel,
                $"Expected a model's name, because no default is configured (Models:Default); use one of: {Names()}.");
            // A model that was replaced between the two calls cannot be leased; the snapshot then has its successor.
            if (Choose(Entry(wanted), version).TryLease() is { } lease)
            {
                return lease;
            }
        }
    }

    /// <summary>The entry of a model, in any state.</summary>
    /// <exception cref="SegmentationException">The model does not exist.</exception>
    public ModelEntry Entry(string name) => Find(name) ?? throw Unknown(name, Entries.Select(e => e.Name));

    /// <summary>A serving version of a model.</summary>
    /// <exception cref="SegmentationException">The model or version does not exist or is not ready.</exception>
    public LoadedModel Version(string name, int version) => Choose(Entry(name), version);

    /// <summary>The entry of a model; null where the model does not exist.</summary>
    public ModelEntry? Find(string name) => Volatile.Read(ref _entries).GetValueOrDefault(name);

    /// <summary>Loads every model in the folder; a failure does not affect other models.</summary>
    /// <exception cref="DirectoryNotFoundException">The folder does not exist.</exception>
    /// <exception cref="GpuRequiredException">A GPU is required and cannot be used.</exception>
    public void Load(CancellationToken cancellationToken)
    {
        _source.Update(cancellationToken);
        IReadOnlyList<ModelFolder> folders = _folder.Read(_source.List, CancellationToken.None);
        foreach (ModelFolder folder in folders)
        {
            Set(new ModelEntry(folder.Name, ModelState.Loading));
        }

        List<Task> loads = [];
        foreach (ModelFolder folder in folders)
        {
            cancellationToken.ThrowIfCancellationRequested();
            loads.Add(BeginUpdate(Slot(folder.Name), folder, LoadCause.Start, cancellationToken));
        }

        _loaded = true;
        Announce();
        Complain(folders);
        foreach (Task load in loads)
        {
            load.GetAwaiter().GetResult();
        }

        cancellationToken.ThrowIfCancellationRequested();
    }

    /// <summary>Loads or reloads one model; the serving version is replaced only by a version that works.</summary>
    /// <param name="name">The model's name, which is the name of a folder.</param>
    /// <param name="cancellationToken">Stops the trial runs, and nothing changes.</param>
    /// <returns>The model after the load, with the reason where a version failed.</returns>
    /// <exception cref="DirectoryNotFoundException">The folder of models does not exist.</exception>
    /// <exception cref="SegmentationException">The model's folder does not exist.</exception>
    public ModelEntry Reload(string name, CancellationToken cancellationToken)
    {
        _source.Update(cancellationToken);
        IReadOnlyList<ModelFolder> folders = _folder.Read(_source.List, cancellationToken);
        ModelFolder folder = folders.FirstOrDefault(f => f.Name == name) ?? throw Unknown(name, folders.Select(f => f.Name));
        Update(Slot(name), folder, LoadCause.Request, cancellationToken);
        return Entry(name);
    }

    /// <summary>Loads one model and no others; for tools that use one model.</summary>
    /// <param name="name">The model's name.</param>
    /// <param name="cancellationToken">Stops the trial runs.</param>
    /// <returns>The model, which the repository owns; only another load replaces the model.</returns>
    /// <exception cref="DirectoryNotFoundException">The folder does not exist.</exception>
    /// <exception cref="SegmentationException">The model is unknown or unavailable.</exception>
    public LoadedModel Load(string name, CancellationToken cancellationToken) => Choose(Reload(name, cancellationToken), version: null);

    /// <summary>Stops serving a model until the next load or the server's restart; admitted requests are
    /// finished, and a load in progress ends.</summary>
    /// <exception cref="SegmentationException">The model does not exist.</exception>
    public ModelEntry Unload(string name, CancellationToken cancellationToken)
    {
        Entry(name);
        ModelSlot slot = Slot(name);
        slot.Interrupt();
        slot.Gate.Wait(cancellationToken);
        try
        {
            slot.Unload("The model was unloaded on request; load the model again to serve it.");
        }
        finally
        {
            slot.Gate.Release();
        }

        return Entry(name);
    }

    /// <summary>Scans the folder once: loads models that changed before the last scan and not since, and drops models
    /// without a folder.</summary>
    /// <param name="cancellationToken">Stops the trial runs.</param>
    /// <returns>Whether files are still changing or models still load, so that another scan is due soon.</returns>
    public bool Refresh(CancellationToken cancellationToken)
    {
        if (!_loaded)
        {
            return false;
        }

        _source.Update(cancellationToken);
        return Look(cancellationToken);
    }

    /// <summary>Frees all models; leased models are freed after their last request.</summary>
    public void Dispose()
    {
        // This comes before the models are freed: a late request would otherwise look for their successors for ever.
        _loaded = false;
        Volatile.Write(ref _entries, _entries.Clear());
        Expect(false);
        foreach (ModelSlot slot in Slots())
        {
            slot.Close();
        }
    }

    private bool Look(CancellationToken cancellationToken)
    {
        Dictionary<string, ModelFolder> folders;
        try
        {
            folders = _folder.Read(_source.List, cancellationToken).ToDictionary(f => f.Name);
            NameStrays();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Log.FolderUnreadable(_logger, _source.Place, e.Message);
            return false;
        }

        if (folders.Count == 0 && Slots().Any(s => s.Serves))
        {
            Log.FolderGone(_logger, _source.Place);
            return false;
        }

        bool changing = false;
        foreach (string name in folders.Keys.Union(Slots().Select(s => s.Name)).Order(StringComparer.Ordinal).ToArray())
        {
            cancellationToken.ThrowIfCancellationRequested();
            ModelFolder? folder = folders.GetValueOrDefault(name);
            ModelSlot slot = Slot(name, out bool isNew);
            if (isNew)
            {
                slot.Announce("waiting until its files no longer change");
            }

            if (!slot.Gate.Wait(0, CancellationToken.None))
            {
                changing = true; // the model is being loaded
                continue;
            }

            bool isDue;
            try
            {
                (bool isChanging, isDue) = Look(slot, folder, cancellationToken);
                changing |= isChanging;
            }
            finally
            {
                slot.Gate.Release();
            }

            if (isDue)
            {
                changing |= !TryUpdate(slot, folder!, cancellationToken);
            }
        }

        return changing;
    }

    /// <summary>Looks at the folder of one model; removes the model where it has none any more.</summary>
    /// <returns>Whether the folder is changing, and whether it is to be loaded.</returns>
    private (bool IsChanging, bool IsDue) Look(ModelSlot slot, ModelFolder? folder, CancellationToken cancellationToken)
    {
        bool isSettled, hasChanged;
        try
        {
            isSettled = slot.IsSettled(folder, out hasChanged, cancellationToken);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return (slot.Missed(e), false); // another process is moving the files
        }

        if (!hasChanged || !isSettled)
        {
            return (hasChanged, false);
        }

        if (folder is not null)
        {
            return (false, true);
        }

        Log.ModelRemoved(_logger, slot.Name);
        lock (_lock)
        {
            _slots.Remove(slot.Name);
        }

        ImmutableInterlocked.Update(ref _entries, static (all, gone) => all.Remove(gone), slot.Name);
        slot.Close();
        return (false, false);
    }

    /// <summary>Logs problems that an operator would otherwise learn from users.</summary>
    private void Complain(IReadOnlyList<ModelFolder> folders)
    {
        if (folders.Count == 0 && _source.Failures > 0)
        {
            return; // the log says why the models could not be pulled
        }

        if (folders.Count == 0)
        {
            Log.NoModels(_logger, _source.Place);
        }

        NameStrays();
        foreach (string missing in _options.Required.Append(Default ?? "").Where(name => name.Length > 0 && Find(name) is null).Distinct())
        {
            Log.ModelMissing(_logger, missing, Names());
        }
    }

    // Each file is logged once, because the folder is scanned every few seconds.
    private void NameStrays()
    {
        if (_source.Watched is not { } root)
        {
            return;
        }

        foreach (string file in ModelFolder.Graphs(root, depth: 0).Where(_strays.Add))
        {
            string model = Path.Combine(root, Path.GetFileNameWithoutExtension(file));
            Log.StrayGraph(_logger, file, Path.Combine(model, "1", "model.onnx"), Path.Combine(model, ManifestReader.FileName));
        }
    }

    // Whether the folder is applied; else another scan looks at it.
    private bool TryUpdate(ModelSlot slot, ModelFolder folder, CancellationToken cancellationToken)
    {
        try
        {
            return BeginUpdate(slot, folder, LoadCause.Change, cancellationToken).IsCompleted;
        }
        catch (IOException e)
        {
            Log.FolderUnreadable(_logger, folder.Path, e.Message);
            return true; // the next scan at the usual interval
        }
    }

    /// <summary>Loads a model on a thread of its own, and waits a while for its end.</summary>
    /// <exception cref="GpuRequiredException">The server starts, and a required GPU cannot be used.</exception>
    private static Task BeginUpdate(ModelSlot slot, ModelFolder folder, LoadCause cause, CancellationToken cancellationToken)
    {
        Task load = HangingCalls.Start(() =>
        {
            Update(slot, folder, cause, cancellationToken);
            return true;
        });
        if (Task.WaitAny([load], Patience) == 0)
        {
            load.GetAwaiter().GetResult();
        }

        return load;
    }

    private static void Update(ModelSlot slot, ModelFolder folder, LoadCause cause, CancellationToken cancellationToken)
    {
        slot.Gate.Wait(cancellationToken);
        try
        {
            slot.Update(folder, cause, cancellationToken);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // The model was unloaded meanwhile.
        }
        finally
        {
            slot.Gate.Release();
        }
    }

    private ModelSlot[] Slots()
    {
        lock (_lock)
        {
            return [.. _slots.Values];
        }
    }

    private ModelSlot Slot(string name) => Slot(name, out _);

    private ModelSlot Slot(string name, out bool isNew)
    {
        lock (_lock)
        {
            isNew = !_slots.TryGetValue(name, out ModelSlot? slot);
            if (slot is null)
            {
                slot = new ModelSlot(
                    name, _loader, VersionPolicy.Count(_options.Versions), _options.LoadTimeout, Set, _metrics, _logger);
                _slots.Add(name, slot);
            }

            return slot;
        }
    }

    private LoadedModel Choose(ModelEntry entry, int? version)
    {
        LoadedModel newest = entry.Model ?? throw new SegmentationException(SegmentationError.ModelNotReady, Explain(entry.Name));
        if (version is null)
        {
            return newest;
        }

        return entry.Versions.FirstOrDefault(m => m.Version == version) ?? throw new SegmentationException(
            SegmentationError.UnknownModel,
            $"The model '{entry.Name}' serves no version {version}; use one of: " +
            $"{string.Join(", ", entry.Versions.Select(m => m.Version))}.");
    }

    private void Set(ModelEntry entry)
    {
        ImmutableInterlocked.Update(ref _entries, static (all, e) => all.SetItem(e.Name, e), entry);
        Announce();
    }

    private void Announce() => Interlocked.Exchange(ref _changed, new(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();

    // A model that could not be pulled is not unknown: another try may succeed.
    private SegmentationException Unknown(string name, IEnumerable<string> names)
    {
        string[] known = [.. names];
        if (known.Length == 0 && _source.Problem is { } problem)
        {
            return new SegmentationException(SegmentationError.ModelNotReady, problem);
        }

        string subject = name.Length == 0 ? "Expected the name of a model, got none" : $"There is no model '{name}'";
        return new SegmentationException(
            SegmentationError.UnknownModel, $"{subject}; use one of: {string.Join(", ", known.DefaultIfEmpty("none"))}.");
    }

    private string Names()
    {
        if (Entries.Any())
        {
            return string.Join(", ", Entries.Select(e => e.Name));
        }

        return "none";
    }

    private string Explain(string name) => Find(name) switch
    {
        null => $"The model '{name}' is not in the repository.",
        { State: ModelState.Unavailable } entry => $"The model '{name}' is unavailable: {entry.Reason}",
        _ => $"The model '{name}' is still loading; try again in a moment.",
    };
}
