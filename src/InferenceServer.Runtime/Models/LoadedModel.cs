using InferenceServer.Runtime.Adaptation;
using InferenceServer.Runtime.Batching;
using InferenceServer.Runtime.Passes;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Postprocessing;
using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Sessions;

namespace InferenceServer.Runtime.Models;

/// <summary>A model that passed its trial and warm-up, with everything that a request needs.</summary>
/// <remarks>Reference counted: the repository and every lease hold a reference; the last release frees the
/// session.</remarks>
internal sealed class LoadedModel : IDisposable
{
    private static readonly TimeSpan LongestRun = TimeSpan.FromSeconds(5);
    private int _holders = 1;
    private int _disposed;

    /// <summary>Takes over a session that passed its trial.</summary>
    internal LoadedModel(
        string name, int version, ModelManifest written, ModelManifest manifest, IModelSession session, AdaptedGraph graph,
        TrialFindings findings, SchedulerFactory schedulers)
    {
        Name = name;
        Version = version;
        Written = written;
        Manifest = manifest;
        Classes = ClassTable.Create(manifest);
        Passes = PassSettings.Create(manifest, PassOverrides.None);
        Session = session;
        Graph = graph;
        Warnings = findings.Warnings;
        MaxBatch = findings.MaxBatch;
        Preprocessor = new Preprocessor(
            manifest.Preprocess, session.Layout,
            schedulers.BucketMultiple(session.Provider, MaxBatch, manifest.Preprocess.Size.Bucket), session.PixelLayout);
        Postprocessor = new Postprocessor(manifest, graph.Kind, findings.Grid);
        Scheduler = schedulers.Create(name, version, session, MaxBatch, Postprocessor.BytesOfPixel);
    }

    /// <summary>The folder's name.</summary>
    public string Name { get; }

    /// <summary>The version folder's number.</summary>
    public int Version { get; }

    /// <summary>The manifest as written.</summary>
    public ModelManifest Written { get; }

    /// <summary>The manifest with the sizes that the adapted graph takes.</summary>
    public ModelManifest Manifest { get; }

    /// <summary>The graph that the session runs, and what was added to the file's.</summary>
    public AdaptedGraph Graph { get; }

    /// <summary>The number format of the graph that the session runs.</summary>
    public GraphVariant Variant { get; init; } = GraphVariant.Float32;

    /// <summary>What the trial runs found doubtful, one sentence each.</summary>
    public IReadOnlyList<string> Warnings { get; }

    /// <summary>Most images in one run of the network.</summary>
    public int MaxBatch { get; }

    /// <summary>Names and colours of the classes.</summary>
    public ClassTable Classes { get; }

    /// <summary>The passes of a request without overrides.</summary>
    public PassSettings Passes { get; }

    /// <summary>The network itself, for benchmarks; requests go through <see cref="Scheduler"/>.</summary>
    public IModelSession Session { get; }

    /// <summary>Time of reading, trial and warm-up.</summary>
    public TimeSpan LoadTime { get; internal set; }

    /// <summary>The part of <see cref="LoadTime"/> for trial and warm-up.</summary>
    public TimeSpan WarmUpTime { get; internal set; }

    /// <summary>Makes the network's input from an image.</summary>
    public Preprocessor Preprocessor { get; }

    /// <summary>Makes a mask from the network's output.</summary>
    public Postprocessor Postprocessor { get; }

    /// <summary>Schedules the runs of the session.</summary>
    public BatchScheduler Scheduler { get; }

    /// <summary>The stamp of the files that the model was loaded from.</summary>
    internal string Stamp { get; init; } = "";

    /// <summary>Whether no reference is left, so that the session is freed.</summary>
    internal bool IsFreed => Volatile.Read(ref _holders) == 0;

    /// <summary>Releases the reference of the model's creator; leases of requests keep the session open.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            Leave();
        }
    }

    /// <summary>Checks that the network's input can be made from an image, whose channels are three.</summary>
    /// <exception cref="SegmentationException">The network takes another number of channels.</exception>
    internal void CheckTakesImages()
    {
        if (!Session.Layout.TakesImages && !Preprocessor.TakesBands)
        {
            throw new SegmentationException(
                SegmentationError.InvalidRequest,
                $"The model '{Name}' takes {Session.Layout.Channels} channels. Write preprocess.color \"bands\" in its manifest for " +
                $"images with as many bands, or send the tensor to /v2/models/{Name}/infer of the server.");
        }
    }

    /// <summary>Leases the model; null where no reference is left because another version serves.</summary>
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
        // A cancelled run may take a moment to stop. A run that does not stop is left until the process ends: freeing
        // its session would crash the process.
        if (Interlocked.Decrement(ref _holders) == 0 && Scheduler.Close(LongestRun))
        {
            Session.Dispose();
        }
    }
}

/// <summary>A reference to a model: until the lease is disposed, the model's session stays open, even after another
/// version replaced the model.</summary>
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

    /// <summary>Creates another lease of the same model, even after another version replaced the model.</summary>
    /// <returns>A lease that is independent of this one; the caller disposes it.</returns>
    /// <exception cref="ObjectDisposedException">This lease was released, and the model was freed.</exception>
    public ModelLease Share() => Model.TryLease() ?? throw new ObjectDisposedException(nameof(ModelLease));

    /// <summary>Releases the model; the last release frees its session. A second call does nothing.</summary>
    public void Dispose() => Interlocked.Exchange(ref _held, null)?.Leave();
}
