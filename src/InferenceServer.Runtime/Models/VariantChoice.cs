using System.Diagnostics;
using System.Globalization;
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
internal sealed class VariantChoice(
    SessionFactory sessions, ProcessorTraits processor, IOptions<OnnxOptions> options, ILogger<VariantChoice> logger)
{
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
        if (wanted != GraphVariant.Auto)
        {
            DerivedGraph? named = wanted == GraphVariant.Float32 ? null : Find(file, wanted, isRequired: true);
            return named is null ? Open(file, GraphVariant.Float32, manifest) : Open(named.File, wanted, manifest);
        }

        if (sessions.NeedsNoGpu && Find(file, GraphVariant.Int8, isRequired: false) is { } likely
            && likely.SpeedupOn(processor) is { } measured)
        {
            bool isFaster = measured >= LeastSpeedup;
            Log.VariantMeasured(logger, ModelFile.Display(likely.File), measured);
            return isFaster ? Open(likely.File, GraphVariant.Int8, manifest) : Open(file, GraphVariant.Float32, manifest);
        }

        return Try(file, manifest, cancellationToken);
    }

    /// <summary>What was measured of a graph when it was made of another one, by name; null for an exported graph.</summary>
    public static IReadOnlyDictionary<string, string>? Figures(LoadedModel model) =>
        model.Variant == GraphVariant.Float32 ? null : DerivedGraph.FiguresOf(model.Graph.Source.Metadata);

    private OpenVariant Try(string file, ModelManifest manifest, CancellationToken cancellationToken)
    {
        using Owned<OpenVariant> exported = new(Open(file, GraphVariant.Float32, manifest));
        GraphVariant candidate = exported.Value.Session.Provider == ExecutionProvider.Cuda ? GraphVariant.Float16 : GraphVariant.Int8;
        if (Find(file, candidate, isRequired: false) is not { } other)
        {
            return exported.Release();
        }

        using Owned<OpenVariant> made = new(Open(other.File, candidate, manifest));
        double speedup = Speedup(exported.Value, made.Value, manifest, cancellationToken);
        Log.VariantTried(logger, ModelFile.Display(other.File), speedup);
        return (speedup >= LeastSpeedup ? made : exported).Release();
    }

    private OpenVariant Open(string file, GraphVariant variant, ModelManifest manifest)
    {
        (IModelSession session, AdaptedGraph graph) = sessions.Open(file, AdaptationRequest.Of(manifest), manifest.Gpu);
        return new OpenVariant(variant, session, graph);
    }

    // Weights that have been replaced since, and sums that overflow, would give wrong masks.
    private DerivedGraph? Find(string file, GraphVariant variant, bool isRequired)
    {
        string other = ModelFolder.VariantFile(file, variant);
        if (!File.Exists(other))
        {
            return null;
        }

        string shown = ModelFile.Display(other);
        DerivedGraph derived = DerivedGraph.Read(other);
        if (derived.Source is null)
        {
            throw new ManifestException(
                shown,
                [
                    "expected a graph that inference-server optimize made, whose metadata have "
                    + $"{DerivedGraph.Prefix}{DerivedGraph.DerivedFrom}; got none. Make it again, or remove it",
                ]);
        }

        using FileStream stream = File.OpenRead(file);
        bool isOfThis = derived.Source.Equals(Convert.ToHexStringLower(SHA256.HashData(stream)), StringComparison.OrdinalIgnoreCase);
        bool fits = derived.WeightBits <= processor.WeightBits;
        if (isOfThis && fits)
        {
            return derived;
        }

        if (isRequired)
        {
            string failure = isOfThis
                ? $"expected weights of at most {processor.WeightBits} bits, because this processor adds products of 8-bit integers in "
                    + $"16 bits; got {derived.WeightBits}. Run inference-server optimize on a processor like this one, or set Onnx:Variant "
                    + "to Auto"
                : $"expected a graph made of {ModelFile.Display(file)}, got one that was made of another; run inference-server "
                    + "optimize again";
            throw new ManifestException(shown, [failure]);
        }

        if (isOfThis)
        {
            Log.VariantOverflows(logger, shown, derived.WeightBits, processor.WeightBits);
        }
        else
        {
            Log.VariantStale(logger, shown, ModelFile.Display(file));
        }

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

/// <summary>A graph that <c>inference-server optimize</c> made of an exported one.</summary>
/// <param name="File">The file.</param>
/// <param name="Figures">What its metadata say of how it was made and what was measured, by name.</param>
internal sealed record DerivedGraph(string File, IReadOnlyDictionary<string, string> Figures)
{
    /// <summary>What these names begin with in the metadata.</summary>
    public const string Prefix = "inference_server.";

    /// <summary>The SHA-256 of the graph it was made of.</summary>
    public const string DerivedFrom = "derived_from";

    /// <summary>Bits of a weight.</summary>
    public const string Bits = "weight_bits";

    /// <summary>Speed in multiples of the exported graph's, measured with <see cref="RuntimeVersion"/> on a processor with <see
    /// cref="InstructionSets"/>.</summary>
    public const string Speedup = "speedup";

    /// <summary>ONNX Runtime's version.</summary>
    public const string RuntimeVersion = "onnxruntime";

    /// <summary>The processor's instruction sets.</summary>
    public const string InstructionSets = "instruction_sets";

    public string? Source => Figures.GetValueOrDefault(DerivedFrom);

    /// <summary>Bits of a weight; 0 for a graph of floats.</summary>
    public int WeightBits => int.TryParse(Figures.GetValueOrDefault(Bits), CultureInfo.InvariantCulture, out int bits) ? bits : 0;

    /// <summary>Reads a graph's metadata.</summary>
    /// <exception cref="ManifestException">The file is no ONNX file.</exception>
    public static DerivedGraph Read(string file) => new(file, FiguresOf(GraphDescription.Read(file).Metadata));

    /// <summary>The metadata that begin with <see cref="Prefix"/>, without it.</summary>
    public static Dictionary<string, string> FiguresOf(IReadOnlyDictionary<string, string> metadata) => metadata
        .Where(entry => entry.Key.StartsWith(Prefix, StringComparison.Ordinal))
        .ToDictionary(entry => entry.Key[Prefix.Length..], entry => entry.Value);

    /// <summary>What was measured when the graph was made; null where the processor or ONNX Runtime is another one, so that it
    /// says nothing here.</summary>
    public double? SpeedupOn(ProcessorTraits processor)
    {
        bool isSame = Figures.GetValueOrDefault(InstructionSets) == processor.InstructionSets
            && Figures.GetValueOrDefault(RuntimeVersion) == SessionFactory.RuntimeVersion;
        bool isMeasured = double.TryParse(Figures.GetValueOrDefault(Speedup), CultureInfo.InvariantCulture, out double measured);
        return isSame && isMeasured ? measured : null;
    }
}
