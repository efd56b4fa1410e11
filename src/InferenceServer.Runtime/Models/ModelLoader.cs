using System.Diagnostics;
using System.Security.Cryptography;
using InferenceServer.Runtime.Adaptation;
using InferenceServer.Runtime.Batching;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Refinement;
using InferenceServer.Runtime.Sessions;
using InferenceServer.Runtime.Storage;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Models;

/// <summary>Loads one version of a model: checks the manifest, verifies the weights, tries and warms the
/// graph.</summary>
internal sealed class ModelLoader(
    VariantChoice variants, SchedulerFactory schedulers, CrfRefiner refiner, IOptions<ModelRepositoryOptions> options)
{
    /// <summary>Loads one version.</summary>
    /// <param name="folder">The model's folder.</param>
    /// <param name="version">Number of the version's folder.</param>
    /// <param name="stamp">The stamp of the version's files.</param>
    /// <param name="progress">Called at each step.</param>
    /// <param name="cancellationToken">Stops the trial runs.</param>
    /// <exception cref="ManifestException">The version cannot be served; the message names the key.</exception>
    public LoadedModel Load(
        ModelFolder folder, int version, string stamp, Action<LoadProgress> progress,
        CancellationToken cancellationToken)
    {
        long start = Stopwatch.GetTimestamp();
        using IDisposable heap = NativeHeap.ReturnBlocksOfLoad();
        progress(new LoadProgress($"opening version {version}"));
        CheckFiles(folder, version);
        string file = folder.GraphFile(version);
        ModelManifest written = ReadManifest(folder.Path, file);
        if (folder.Versions[0] == version && written.Source is { } source)
        {
            // The manifest describes the newest weights; an older version that serves in their place has other
            // weights.
            Verify(file, source);
        }

        (int rows, int columns) = written.Graph.Border;
        ModelManifest manifest = written with { Preprocess = written.Preprocess.Inside(rows, columns) };
        using Owned<OpenVariant> opened = new(variants.Open(file, manifest, cancellationToken));
        (GraphVariant variant, IModelSession session, AdaptedGraph graph) = opened.Value;
        cancellationToken.ThrowIfCancellationRequested();
        long read = Stopwatch.GetTimestamp();
        string shown = ModelFile.Display(file);
        ModelTrial.CheckChannels(manifest.Preprocess, session.Layout, shown);
        int tried = 0;
        TrialFindings findings = new ModelTrial(manifest, session, graph, shown)
            .Run(input => progress(new LoadProgress($"trying version {version} at {input}", tried++)), cancellationToken);
        using Owned<LoadedModel> owned = new(
            new LoadedModel(folder.Name, version, written, manifest, session, graph, findings, schedulers)
            {
                Stamp = stamp, Variant = variant,
            });
        opened.Release();
        LoadedModel model = owned.Value;
        if (options.Value.WarmUp)
        {
            WarmUp(model, shown, tried, progress, cancellationToken);
        }

        model.WarmUpTime = Stopwatch.GetElapsedTime(read);
        if (folder.Stamp(version) != stamp)
        {
            throw new ManifestException(shown, ["expected files that do not change while they load; load the model again"]);
        }

        model.LoadTime = Stopwatch.GetElapsedTime(start);
        return owned.Release();
    }

    /// <summary>Warms up every shape that the model's requests run.</summary>
    private void WarmUp(LoadedModel model, string file, int done, Action<LoadProgress> progress, CancellationToken cancellationToken)
    {
        ModelWarmUp warmUp = new(model, file, refiner);
        int total = done + warmUp.Steps.Count;
        foreach ((string name, Action<CancellationToken> run) in warmUp.Steps)
        {
            cancellationToken.ThrowIfCancellationRequested();
            progress(new LoadProgress($"warming version {model.Version}: {name}", done++, total));
            run(cancellationToken);
        }

        warmUp.GiveMemoryBack();
    }

    private static void CheckFiles(ModelFolder folder, int version)
    {
        foreach (string path in folder.Files(version))
        {
            if (RegularFile.Obstacle(path) is { } obstacle)
            {
                string shown = $"{folder.Name}/{Path.GetRelativePath(folder.Path, path)}";
                throw new ManifestException(shown, [$"expected a file, got {obstacle}, which may wait for ever; replace or remove it"]);
            }
        }
    }

    private static ModelManifest ReadManifest(string folder, string file)
    {
        if (!File.Exists(Path.Combine(folder, ManifestReader.FileName))
            && GraphDescription.Read(file).Metadata.TryGetValue(ManifestReader.MetadataKey, out string? json))
        {
            return ManifestReader.ReadEmbedded(json, folder);
        }

        return ManifestReader.Read(folder);
    }

    private static void Verify(string graph, SourceManifest source)
    {
        if (source.Sha256 is { } expected)
        {
            Verify(graph, "source.sha256", expected);
        }

        foreach ((string name, string hash) in source.Weights ?? new Dictionary<string, string>())
        {
            Verify(Path.Combine(Path.GetDirectoryName(graph)!, name), $"source.weights.{name}", hash);
        }
    }

    private static void Verify(string file, string key, string expected)
    {
        if (!File.Exists(file))
        {
            throw new ManifestException(
                ModelFile.Display(file), [$"{key}: expected the file to exist; copy it, or remove the key"]);
        }

        using FileStream stream = File.OpenRead(file);
        string actual = Convert.ToHexStringLower(SHA256.HashData(stream));
        if (!actual.Equals(expected, StringComparison.OrdinalIgnoreCase))
        {
            throw new ManifestException(
                ModelFile.Display(file),
                [
                    $"{key}: expected {expected}, got {actual}; after a new export, correct " +
                    "or remove the key"
                ]);
        }
    }
}

/// <summary>Calls that may never return, as on a network volume that is away. Each runs on a thread of its own, which is
/// left behind where the call does not return.</summary>
/// <param name="longest">Time in which a folder must answer.</param>
internal sealed class HangingCalls(TimeSpan longest)
{
    /// <summary>Time for a look at one of many folders: a volume that is away holds up the others only once, and for no longer
    /// than this.</summary>
    public static readonly TimeSpan Glance = TimeSpan.FromSeconds(2);

    // A load looks for its cancellation between two steps.
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(5);
    private Task? _left;

    /// <summary>Calls for a folder of models.</summary>
    public HangingCalls()
        : this(TimeSpan.FromSeconds(30))
    {
    }

    /// <summary>Loads a model.</summary>
    /// <param name="load">The call, which observes the token where it can.</param>
    /// <param name="stop">Cancelled when the model is no longer wanted; a model that comes later is disposed.</param>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static T Load<T>(Func<T> load, CancellationToken stop)
        where T : IDisposable
    {
        Task<T> loading = Start(load);
        try
        {
            Task.WaitAny([loading], stop);
        }
        catch (OperationCanceledException)
        {
            if (Task.WaitAny([loading], Grace) < 0)
            {
                _ = loading.ContinueWith(
                    static late => late.Result.Dispose(), CancellationToken.None,
                    TaskContinuationOptions.OnlyOnRanToCompletion | TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
                throw;
            }
        }

        return loading.GetAwaiter().GetResult();
    }

    /// <summary>Reads from a folder. While an earlier call hangs, every other fails at once.</summary>
    /// <exception cref="IOException">The folder did not answer in time.</exception>
    public T Read<T>(Func<T> read, CancellationToken cancellationToken)
    {
        if (_left is { IsCompleted: false })
        {
            throw NoAnswer();
        }

        _left = null;
        Task<T> reading = Start(read);
        if (Task.WaitAny([reading], (int)longest.TotalMilliseconds, cancellationToken) < 0)
        {
            _left = reading;
            throw NoAnswer();
        }

        return reading.GetAwaiter().GetResult();
    }

    /// <summary>As <see cref="Read"/>, of an instance that always reads the same: an answer that was too late for one call is
    /// the answer of the next, so that a slow folder is read in the end.</summary>
    /// <exception cref="IOException">The folder did not answer in time.</exception>
    public T Look<T>(Func<T> read, CancellationToken cancellationToken)
    {
        if (_left is Task<T> { IsCompletedSuccessfully: true } late)
        {
            _left = null;
            return late.Result;
        }

        return Read(read, cancellationToken);
    }

    private IOException NoAnswer() => new(
        $"Expected an answer of the file system within {longest.TotalSeconds} s, got none. Check whether its volume is there.");

    /// <summary>Begins a call on a thread of its own.</summary>
    /// <exception cref="IOException">The system gives the process no further thread, as without file handles.</exception>
    public static Task<T> Start<T>(Func<T> call)
    {
        try
        {
            return Task.Factory.StartNew(call, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        }
        catch (TaskSchedulerException e)
        {
            throw new IOException("Expected a further thread from the system, got none. Check the limits on threads and files.", e);
        }
    }
}
