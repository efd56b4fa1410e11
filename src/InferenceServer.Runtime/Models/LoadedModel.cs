using InferenceServer.Runtime.Batching;
using InferenceServer.Runtime.Passes;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Postprocessing;
using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Sessions;

namespace InferenceServer.Runtime.Models;

/// <summary>A model that was tried and warmed: all that a request needs of it.</summary>
/// <remarks>It counts its holders, of which the repository is one; the last one to leave frees the session.</remarks>
internal sealed class LoadedModel : IDisposable
{
    private static readonly TimeSpan LongestRun = TimeSpan.FromSeconds(5);
    private int _holders = 1;
    private int _disposed;

    internal LoadedModel(string name, int version, ModelManifest manifest, IModelSession session, SchedulerFactory schedulers)
    {
        Name = name;
        Version = version;
        Manifest = manifest;
        Classes = ClassTable.Create(manifest.Classes);
        Passes = PassSettings.Create(manifest, PassOverrides.None);
        Session = session;
        Preprocessor = new Preprocessor(
            manifest.Preprocess, session.Layout,
            schedulers.BucketMultiple(session.Provider, manifest.Graph.MaxBatch, manifest.Preprocess.Size.Bucket));
        Postprocessor = new Postprocessor(manifest);
        Scheduler = schedulers.Create(name, version, session, manifest.Graph.MaxBatch);
    }

    /// <summary>The folder's name.</summary>
    public string Name { get; }

    /// <summary>The version folder's number.</summary>
    public int Version { get; }

    /// <summary>The manifest as written.</summary>
    public ModelManifest Manifest { get; }

    /// <summary>Names and colours of the classes.</summary>
    public ClassTable Classes { get; }

    /// <summary>The passes of a request that wants nothing else than the manifest.</summary>
    public PassSettings Passes { get; }

    /// <summary>The network itself, for benchmarks; requests go through <see cref="Scheduler"/>.</summary>
    public IModelSession Session { get; }

    /// <summary>Time that reading, trying and warming took.</summary>
    public TimeSpan LoadTime { get; internal set; }

    /// <summary>The share of <see cref="LoadTime"/> that trying and warming took.</summary>
    public TimeSpan WarmUpTime { get; internal set; }

    /// <summary>Image to input.</summary>
    public Preprocessor Preprocessor { get; }

    /// <summary>Output to labels.</summary>
    public Postprocessor Postprocessor { get; }

    /// <summary>The way to the session.</summary>
    public BatchScheduler Scheduler { get; }

    /// <summary>The state of the files that this was made of.</summary>
    internal string Stamp { get; init; } = "";

    /// <summary>Whether the model has no holder any more, so that its session is freed.</summary>
    internal bool IsFreed => Volatile.Read(ref _holders) == 0;

    /// <summary>Gives up the holder's share that the maker of this object got; requests that lease it keep the session
    /// open.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            Leave();
        }
    }

    /// <summary>Leases the model; null where it has no holder any more, because another version serves
    /// already.</summary>
    internal ModelLease? TryLease()
    {
        int holders = Volatile.Read(ref _holders);
        while (holders > 0)
        {
            int seen = Interlocked.CompareExchange(ref _holders, holders + 1, holders);
            if (seen == holders)
            {
                return new ModelLease(this);
            }

            holders = seen;
        }

        return null;
    }

    internal void Leave()
    {
        // A run whose callers have all given up may take a moment to notice. One that does not end is left to the end
        // of the process: freeing its session would crash that.
        if (Interlocked.Decrement(ref _holders) == 0 && Scheduler.Close(LongestRun))
        {
            Session.Dispose();
        }
    }
}

/// <summary>The right to use a model: until this is disposed its session stays open, even if another version has taken
/// its place.</summary>
internal sealed class ModelLease : IDisposable
{
    private LoadedModel? _held;

    internal ModelLease(LoadedModel model)
    {
        Model = model;
        _held = model;
    }

    /// <summary>The model; its session may be run until <see cref="Dispose"/>.</summary>
    public LoadedModel Model { get; }

    /// <summary>Another right to the same model, also where another version has taken its place meanwhile.</summary>
    /// <returns>Stays when this one is given up; the caller disposes it.</returns>
    /// <exception cref="ObjectDisposedException">This one was given up, and the model with it.</exception>
    public ModelLease Share() => Model.TryLease() ?? throw new ObjectDisposedException(nameof(ModelLease));

    /// <summary>Releases the model; the last release frees its session. A second call does nothing.</summary>
    public void Dispose() => Interlocked.Exchange(ref _held, null)?.Leave();
}
