using System.Diagnostics;
using System.Security.Cryptography;
using InferenceServer.Kernels;
using InferenceServer.Runtime.Adaptation;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Postprocessing;
using InferenceServer.Runtime.Sessions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Models;

/// <summary>An open graph of a version.</summary>
/// <param name="Variant">Its number format.</param>
/// <param name="Session">The session; disposed with this object.</param>
/// <param name="Graph">The graph that the session runs.</param>
internal sealed record OpenVariant(GraphVariant Variant, IModelSession Session, AdaptedGraph Graph) : IDisposable
{
    public void Dispose() => Session.Dispose();
}

/// <summary>Opens the graph of a version that serves: the exported one, or one that was made of it in another number
/// format.</summary>
internal sealed class VariantChoice(SessionFactory sessions, IOptions<OnnxOptions> options, ILogger<VariantChoice> logger)
{
    /// <summary>What the keys of a graph's metadata begin with that say how it was made.</summary>
    public const string Prefix = "inference_server.";

    /// <summary>The key that has the SHA-256 of the graph it was made of.</summary>
    public const string DerivedFrom = Prefix + "derived_from";

    private const double LeastSpeedup = 1.1;
    private const int Runs = 5;

    /// <summary>Opens the graph.</summary>
    /// <param name="file">The exported graph.</param>
    /// <param name="manifest">The manifest with the sizes that the network takes.</param>
    /// <param name="cancellationToken">Stops the trial.</param>
    /// <exception cref="ManifestException">A graph cannot be served, or the one that the options name was made of another
    /// graph.</exception>
    public OpenVariant Open(string file, ModelManifest manifest, CancellationToken cancellationToken)
    {
        GraphVariant wanted = options.Value.Variant;
        if (wanted is GraphVariant.Int8 or GraphVariant.Float16)
        {
            string? named = Find(file, wanted, isRequired: true);
            return Open(named ?? file, named is null ? GraphVariant.Float32 : wanted, manifest);
        }

        using Owned<OpenVariant> exported = new(Open(file, GraphVariant.Float32, manifest));
        if (wanted == GraphVariant.Float32)
        {
            return exported.Release();
        }

        GraphVariant candidate = exported.Value.Session.Provider == ExecutionProvider.Cuda ? GraphVariant.Float16 : GraphVariant.Int8;
        if (Find(file, candidate, isRequired: false) is not { } other)
        {
            return exported.Release();
        }

        using Owned<OpenVariant> made = new(Open(other, candidate, manifest));
        double speedup = Speedup(exported.Value, made.Value, manifest, cancellationToken);
        Log.VariantTried(logger, ModelFile.Display(other), speedup);
        return (speedup >= LeastSpeedup ? made : exported).Release();
    }

    /// <summary>What was measured of a graph when it was made of another one, by name; null for an exported graph.</summary>
    public static IReadOnlyDictionary<string, string>? Figures(LoadedModel model)
    {
        if (model.Variant == GraphVariant.Float32)
        {
            return null;
        }

        return model.Graph.Source.Metadata.Where(entry => entry.Key.StartsWith(Prefix, StringComparison.Ordinal))
            .ToDictionary(entry => entry.Key[Prefix.Length..], entry => entry.Value);
    }

    private OpenVariant Open(string file, GraphVariant variant, ModelManifest manifest)
    {
        (IModelSession session, AdaptedGraph graph) = sessions.Open(file, AdaptationRequest.Of(manifest), manifest.Gpu);
        return new OpenVariant(variant, session, graph);
    }

    // A graph of weights that have been replaced since would give masks of the old weights.
    private string? Find(string file, GraphVariant variant, bool isRequired)
    {
        string other = ModelFolder.VariantFile(file, variant);
        if (!File.Exists(other))
        {
            return null;
        }

        string shown = ModelFile.Display(other);
        GraphDescription.Read(other).Metadata.TryGetValue(DerivedFrom, out string? source);
        if (source is null)
        {
            throw new ManifestException(
                shown,
                [
                    $"expected a graph that inference-server optimize made, whose metadata have {DerivedFrom}; got none. Make "
                    + "it again, or remove it",
                ]);
        }

        using FileStream stream = File.OpenRead(file);
        if (source.Equals(Convert.ToHexStringLower(SHA256.HashData(stream)), StringComparison.OrdinalIgnoreCase))
        {
            return other;
        }

        if (isRequired)
        {
            throw new ManifestException(
                shown,
                [
                    $"expected a graph made of {ModelFile.Display(file)}, got one that was made of another; run "
                    + "inference-server optimize again",
                ]);
        }

        Log.VariantStale(logger, shown, ModelFile.Display(file));
        return null;
    }

    // By turns, so that changes of the machine's speed affect both; the shortest run of each is least disturbed.
    private static double Speedup(OpenVariant exported, OpenVariant made, ModelManifest manifest, CancellationToken cancellationToken)
    {
        IReadOnlyList<int> usual = manifest.Cost?.At ?? ModelWarmUp.Usual;
        ImageSize size = new InputSizing(manifest.Preprocess).Legal(new ImageSize(usual[1], usual[0]));
        using InputTensor input = new(1, size, exported.Session.Layout);
        input.FillNoise();
        (TimeSpan before, TimeSpan after) = (TimeSpan.MaxValue, TimeSpan.MaxValue);
        for (int i = 0; i <= Runs; i++)
        {
            (TimeSpan first, TimeSpan second) = (Time(exported), Time(made));
            if (i > 0)
            {
                (before, after) = (Shorter(before, first), Shorter(after, second));
            }
        }

        return before / after;

        TimeSpan Time(OpenVariant variant)
        {
            long start = Stopwatch.GetTimestamp();
            using ModelOutput output = variant.Session.Run(input, cancellationToken);
            return Stopwatch.GetElapsedTime(start);
        }
    }

    private static TimeSpan Shorter(TimeSpan a, TimeSpan b) => TimeSpan.FromTicks(Math.Min(a.Ticks, b.Ticks));
}
