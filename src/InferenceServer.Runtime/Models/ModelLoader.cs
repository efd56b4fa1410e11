using System.Diagnostics;
using System.Security.Cryptography;
using InferenceServer.Kernels;
using InferenceServer.Runtime.Batching;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Refinement;
using InferenceServer.Runtime.Sessions;

namespace InferenceServer.Runtime.Models;

/// <summary>Loads one version of a model: checks the manifest, verifies the weights, tries and warms the
/// graph.</summary>
internal sealed class ModelLoader(SessionFactory sessions, SchedulerFactory schedulers, CrfRefiner refiner)
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
        progress(new LoadProgress($"opening version {version}"));
        string file = folder.GraphFile(version);
        ModelManifest manifest = ReadManifest(folder.Path, file);
        if (folder.Versions[0] == version && manifest.Source is { } source)
        {
            // The manifest describes the newest weights; an older version that serves in their place has other
            // weights.
            Verify(file, source);
        }

        IModelSession session = sessions.Open(file, manifest.Graph, manifest.Gpu, manifest.Preprocess.Mean.Count);
        using Owned<LoadedModel> owned = new(Create(folder.Name, version, manifest, session, stamp, file));
        LoadedModel model = owned.Value;
        long read = Stopwatch.GetTimestamp();
        Prepare(model, ModelFile.Display(file), progress, cancellationToken);
        model.WarmUpTime = Stopwatch.GetElapsedTime(read);
        if (folder.Stamp(version) != stamp)
        {
            throw new ManifestException(
                ModelFile.Display(file), ["expected files that do not change while they load; load the model again"]);
        }

        model.LoadTime = Stopwatch.GetElapsedTime(start);
        return owned.Release();
    }

    private LoadedModel Create(string name, int version, ModelManifest manifest, IModelSession session, string stamp, string file)
    {
        try
        {
            ModelTrial.CheckChannels(manifest.Preprocess, session.Layout, ModelFile.Display(file));
            return new LoadedModel(name, version, manifest, session, schedulers) { Stamp = stamp };
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    /// <summary>Tries the model, then warms up every shape that its requests run.</summary>
    private void Prepare(LoadedModel model, string file, Action<LoadProgress> progress, CancellationToken cancellationToken)
    {
        IReadOnlyList<(int Batch, ImageSize Size)> trials = ModelTrial.Plan(model, file);
        ModelWarmUp warmUp = new(model, file, refiner);
        int done = 0, total = trials.Count + warmUp.Steps.Count;
        foreach ((int batch, ImageSize size) in trials)
        {
            progress(new LoadProgress($"trying version {model.Version} at {model.Session.Layout.Describe(batch, size)}", done++, total));
            ModelTrial.Try(model, file, batch, size, cancellationToken);
        }

        foreach ((string name, Action<CancellationToken> run) in warmUp.Steps)
        {
            progress(new LoadProgress($"warming version {model.Version}: {name}", done++, total));
            run(cancellationToken);
        }
    }

    private ModelManifest ReadManifest(string folder, string file)
    {
        if (!File.Exists(Path.Combine(folder, ManifestReader.FileName))
            && sessions.Describe(file).Metadata.TryGetValue(ManifestReader.MetadataKey, out string? json))
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
