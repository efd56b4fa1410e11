using System.Diagnostics;
using System.Security.Cryptography;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Scheduling;
using InferenceServer.Runtime.Sessions;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Models;

/// <summary>A version's folder to a model that is known to work: manifest checked, weights verified, graph tried and warmed.</summary>
public sealed class ModelLoader(SessionFactory sessions, IOptions<SchedulingOptions> scheduling)
{
    /// <summary>The version folders of a model, largest number first.</summary>
    public static IReadOnlyList<int> Versions(string folder) =>
    [
        .. Directory.EnumerateDirectories(folder, "*", new EnumerationOptions { IgnoreInaccessible = true })
            .Select(d => int.TryParse(Path.GetFileName(d), out int version) && version > 0 ? version : 0)
            .Where(version => version > 0 && File.Exists(GraphFile(folder, version)))
            .OrderDescending(),
    ];

    /// <summary>Loads one version.</summary>
    /// <param name="folder">The model's folder, which holds <c>model.json</c>.</param>
    /// <param name="version">Number of the version's folder.</param>
    /// <param name="cancellationToken">Ends the trial runs.</param>
    /// <exception cref="ManifestException">What is wrong, and with which key.</exception>
    public LoadedModel Load(string folder, int version, CancellationToken cancellationToken)
    {
        long start = Stopwatch.GetTimestamp();
        string file = GraphFile(folder, version);
        ModelManifest manifest = ReadManifest(folder, file);
        Verify(file, manifest.Source?.Sha256, isLargest: Versions(folder)[0] == version);
        IModelSession session = sessions.Open(file, manifest.Graph);
        try
        {
            LoadedModel model = new(Path.GetFileName(folder), version, manifest, session, scheduling.Value);
            ModelTrial.Run(model, ModelFile.Display(file), cancellationToken);
            model.LoadTime = Stopwatch.GetElapsedTime(start);
            return model;
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    private static string GraphFile(string folder, int version) => Path.Combine(folder, $"{version}", "model.onnx");

    private ModelManifest ReadManifest(string folder, string file) =>
        !File.Exists(Path.Combine(folder, ManifestReader.FileName)) && sessions.Describe(file).Metadata.TryGetValue(ManifestReader.MetadataKey, out string? json)
            ? ManifestReader.ReadEmbedded(json, folder)
            : ManifestReader.Read(folder);

    private static void Verify(string file, string? sha256, bool isLargest)
    {
        // The manifest speaks of the newest weights; an older version that steps in for them has others.
        if (sha256 is null || !isLargest)
        {
            return;
        }

        using FileStream stream = File.OpenRead(file);
        string actual = Convert.ToHexStringLower(SHA256.HashData(stream));
        if (!actual.Equals(sha256, StringComparison.OrdinalIgnoreCase))
        {
            throw new ManifestException(ModelFile.Display(file), [$"source.sha256: the manifest expects {sha256}, the file has {actual}; after a new export, correct or remove the key"]);
        }
    }
}
