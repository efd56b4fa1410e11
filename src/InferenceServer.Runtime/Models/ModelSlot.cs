using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Sessions;
using Microsoft.Extensions.Logging;

namespace InferenceServer.Runtime.Models;

/// <summary>The state of one model: the serving versions, the failed versions, and the effect of a change in the
/// model's folder.</summary>
/// <remarks>Used by one thread at a time, which holds <see cref="Gate"/>. New versions are loaded beside the old versions;
/// one publication swaps them.</remarks>
internal sealed class ModelSlot(
    string name, ModelLoader loader, int versions, TimeSpan loadTimeout, Action<ModelEntry> publish, SegmentationMetrics metrics,
    ILogger logger)
{
    private const string Gone = "gone";
    private const int MostMisses = 5;
    private readonly Dictionary<int, (string Stamp, string Reason)> _failures = [];
    private readonly HangingCalls _looks = new(HangingCalls.Glance);
    private readonly HangingCalls _files = new();
    private readonly Lock _lock = new(); // guards what Interrupt and Close change beside a load
    private CancellationTokenSource? _load;
    private bool _isClosed;
    private IReadOnlyList<LoadedModel> _serving = [];
    private ModelEntry _stands = new(name, ModelState.Loading); // without a load in progress
    private string? _applied;
    private string? _seen;
    private int _misses;

    /// <summary>The model's name.</summary>
    public string Name => name;

    public bool Serves => _serving.Count > 0;

    /// <summary>Held by the thread that uses the slot.</summary>
    public SemaphoreSlim Gate { get; } = new(1);

    // Part of every error in the log, because an operator first needs to know whether requests are answered.
    private string Standing => _serving.Count switch
    {
        0 => "no version serves",
        1 => $"version {_serving[0].Version} still serves",
        _ => $"versions {string.Join(", ", _serving.Select(model => model.Version))} still serve",
    };

    /// <summary>Whether an operator unloaded the model; its folder is then ignored until an operator loads the
    /// model.</summary>
    public bool IsUnloaded { get; private set; }

    /// <summary>Whether the folder was the same at this scan and the last.</summary>
    /// <param name="folder">The folder; null where the folder is missing.</param>
    /// <param name="changed">Whether the folder differs from the applied folder.</param>
    /// <param name="cancellationToken">Ends the wait for the folder.</param>
    /// <exception cref="IOException">The folder cannot be read; a caller that continues calls <see
    /// cref="Missed"/>.</exception>
    public bool IsSettled(ModelFolder? folder, out bool changed, CancellationToken cancellationToken)
    {
        if (IsUnloaded && folder is not null)
        {
            changed = false;
            return true;
        }

        string stamp = folder is null ? Gone : _looks.Look(folder.Stamp, cancellationToken);
        bool settled = _seen == stamp;
        _seen = stamp;
        _misses = 0;
        changed = _applied != stamp;
        return settled;
    }

    /// <summary>Records a failed scan. One or two scans fail while files are moved; after a few failures in a row the
    /// folder is broken, and the model becomes unavailable.</summary>
    /// <returns>Whether another scan is due soon.</returns>
    public bool Missed(Exception e)
    {
        if (_misses < MostMisses && ++_misses == MostMisses)
        {
            Unreadable(e);
        }

        return _misses < MostMisses;
    }

    /// <summary>Publishes the model before its folder is read.</summary>
    public void Announce(string step) => publish(new ModelEntry(name, ModelState.Loading) { Progress = new LoadProgress(step) });

    /// <summary>Loads and drops versions until the serving versions match the folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="cause">Why the folder is applied.</param>
    /// <param name="cancellationToken">Stops the trial runs, and nothing changes.</param>
    /// <exception cref="GpuRequiredException">The server starts, and a required GPU cannot be used.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled, or the load was interrupted.</exception>
    public void Update(ModelFolder folder, LoadCause cause, CancellationToken cancellationToken)
    {
        List<(int Version, string Reason)> failures = [];
        using CancellationTokenSource load = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Begin(load);
        try
        {
            Update(folder, cause, failures, load.Token);
        }
        finally
        {
            Begin(null);
            foreach ((int version, string why) in failures)
            {
                Log.ModelUnavailable(logger, name, version, Standing, why);
            }
        }
    }

    private void Update(
        ModelFolder folder, LoadCause cause, List<(int Version, string Reason)> failures,
        CancellationToken cancellationToken)
    {
        string stamp;
        List<LoadedModel> next = [];
        string? reason = null;
        try
        {
            stamp = _files.Read(folder.Stamp, cancellationToken);
            IReadOnlyList<int> present = _files.Read(() => folder.Versions, cancellationToken);
            foreach (int version in present.TakeWhile(_ => next.Count < versions))
            {
                (LoadedModel? model, string? failure) = Choose(folder, version, cause, failures, cancellationToken);
                reason ??= failure;
                if (model is not null)
                {
                    next.Add(model);
                }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Free(next.Except(_serving));
            IsUnloaded = false; // the requested load runs as soon as the folder can be read
            Unreadable(e);
            return;
        }
        catch
        {
            Free(next.Except(_serving));
            publish(_stands);
            throw;
        }

        if (reason is null && next.Count == 0)
        {
            reason =
                $"{name}: no version found; expected the graph as {name}/1/model.onnx (or another whole number) " +
                $"and the manifest as {name}/model.json.";
            Log.ModelWithoutVersion(logger, name, Standing, reason);
        }

        IsUnloaded = false;
        _applied = stamp;
        // A version that works is never replaced by none.
        Swap(next.Count > 0 ? next : _serving, reason);
    }

    /// <summary>Ends the load in progress, from any thread; nothing changes then.</summary>
    public void Interrupt()
    {
        lock (_lock)
        {
            _load?.Cancel();
        }
    }

    /// <summary>Stops serving; admitted requests are finished.</summary>
    public void Unload(string reason)
    {
        IsUnloaded = true;
        _applied = null;
        _failures.Clear();
        Swap([], reason);
    }

    /// <summary>Frees the serving versions without a log line, from any thread.</summary>
    public void Close()
    {
        lock (_lock)
        {
            _isClosed = true;
            Free(_serving);
            _serving = [];
        }
    }

    /// <summary>The model that serves as this version: the model that already serves, a newly loaded model, or null
    /// and the reason.</summary>
    private (LoadedModel? Model, string? Failure) Choose(
        ModelFolder folder, int version, LoadCause cause, List<(int Version, string Reason)> failures, CancellationToken cancellationToken)
    {
        string stamp = _files.Read(() => folder.Stamp(version), cancellationToken);
        bool afresh = cause == LoadCause.Request;
        LoadedModel? current = _serving.FirstOrDefault(m => m.Version == version);
        if (!afresh && current?.Stamp == stamp)
        {
            return (current, null);
        }

        if (!afresh && _failures.TryGetValue(version, out (string Stamp, string Reason) known) && known.Stamp == stamp)
        {
            return (current, known.Reason);
        }

        _failures.Remove(version);
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(loadTimeout);
        CancellationToken stop = limit.Token;
        try
        {
            LoadedModel model = HangingCalls.Load(() => loader.Load(folder, version, stamp, Progress, stop), stop);
            Log.ModelReady(logger, name, version, model.Variant, model.Session.Provider, model.LoadTime.TotalMilliseconds);
            if (model.Graph.Added.Count > 0)
            {
                Log.ModelAdapted(logger, name, version, string.Join("; ", model.Graph.Added));
            }

            foreach (string warning in model.Warnings)
            {
                Log.ModelDoubtful(logger, name, version, warning);
            }

            CountReload(succeeded: true);
            return (model, null);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            string late = $"{name}/{version}: expected a load within {loadTimeout:g} (Models:LoadTimeout), but it took longer. "
                + "Check the volume of its files, or raise the limit, and load the model again.";
            return Failed(late, late);
        }
        catch (Exception e) when (e is not OperationCanceledException && (e is not GpuRequiredException || cause != LoadCause.Start))
        {
            // Clients see only messages written for users; other messages may have paths of this machine.
            (string reason, string detail) = (
                $"{name}/{version}: reading or trying the model failed; see the server's log.", e.ToString());
            if (e is ManifestException or GpuRequiredException)
            {
                (reason, detail) = (e.Message, e.Message);
            }

            return Failed(reason, detail);
        }

        // A load that was given up may still run.
        void Progress(LoadProgress progress)
        {
            if (!stop.IsCancellationRequested)
            {
                PublishProgress(progress);
            }
        }

        (LoadedModel? Model, string? Failure) Failed(string reason, string detail)
        {
            _failures[version] = (stamp, reason);
            CountReload(succeeded: false);
            failures.Add((version, detail));
            return (current, reason);
        }
    }

    private void Begin(CancellationTokenSource? load)
    {
        lock (_lock)
        {
            _load = load;
        }
    }

    // The serving versions keep serving; the folder is applied as soon as it can be read.
    private void Unreadable(Exception e)
    {
        _misses = MostMisses;
        _applied = null;
        Log.ModelUnreadable(logger, name, e.Message);
        Swap(_serving, $"{name}: the model's folder cannot be read; see the server's log.");
    }

    private void CountReload(bool succeeded)
    {
        if (Serves)
        {
            metrics.Reloaded(name, succeeded);
        }
    }

    private void Swap(IReadOnlyList<LoadedModel> next, string? reason)
    {
        IReadOnlyList<LoadedModel> old;
        lock (_lock)
        {
            if (_isClosed)
            {
                Free(next);
                return;
            }

            old = _serving;
            _serving = next;
        }

        _stands = new ModelEntry(
            name, Serves ? ModelState.Ready : ModelState.Unavailable, Serves ? next[0] : null, reason)
        { Versions = next };
        publish(_stands);
        foreach (LoadedModel model in old.Except(next))
        {
            Log.ModelReplaced(logger, name, model.Version);
            model.Dispose();
        }
    }

    private void PublishProgress(LoadProgress progress) =>
        publish(_stands with { State = Serves ? ModelState.Ready : ModelState.Loading, Progress = progress });

    private static void Free(IEnumerable<LoadedModel> models)
    {
        foreach (LoadedModel model in models)
        {
            model.Dispose();
        }
    }
}
