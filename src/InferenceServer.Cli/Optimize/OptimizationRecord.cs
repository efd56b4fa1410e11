using System.Globalization;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Sessions;
using OnnxGraph;

namespace InferenceServer.Cli.Optimize;

/// <summary>What the metadata of a graph say of how it was made and what was measured. The server serves the graph only beside
/// the one that it was made of, and tries it where another processor or ONNX Runtime measured its speed.</summary>
internal sealed class OptimizationRecord
{
    private const string Key = "key";
    private const int MostBits = 8;

    private readonly Dictionary<string, string> _figures;

    private OptimizationRecord(Dictionary<string, string> figures) => _figures = figures;

    /// <summary>Begins the record of a graph that is to be made.</summary>
    /// <param name="model">The model's folder.</param>
    /// <param name="version">The version to optimise.</param>
    /// <param name="set">The images.</param>
    /// <param name="settings">How the graph is made, and what it must hold.</param>
    public static OptimizationRecord Create(ModelFolder model, int version, OptimizationSet set, OptimizationSettings settings)
    {
        using FileStream graph = File.OpenRead(model.GraphFile(version));
        Dictionary<string, string> figures = new()
        {
            [DerivedGraph.DerivedFrom] = Convert.ToHexStringLower(SHA256.HashData(graph)),
            [DerivedGraph.RuntimeVersion] = SessionFactory.RuntimeVersion,
            [DerivedGraph.InstructionSets] = ProcessorTraits.Current.InstructionSets,
            ["images"] = Text($"{set.HeldOut.Count}"),
        };
        if (settings.Variant == GraphVariant.Int8)
        {
            figures[DerivedGraph.Bits] = Text($"{(settings.Graph is null ? settings.WeightBits : MostBits)}");
        }

        if (settings.UsesCalibration)
        {
            figures["calibrated_on"] = Text($"{set.Calibration.Count}");
        }

        figures[Key] = Hash(Files(model, version, set, settings), [settings.ToString(), .. figures.Values]);
        return new OptimizationRecord(figures);
    }

    /// <summary>Whether a file is a graph that was made of the same files, with the same options, by the same programs and on
    /// such a processor: it would be made again as it is.</summary>
    public bool IsIn(string file) => File.Exists(file) && DerivedGraph.Read(file).Figures.GetValueOrDefault(Key) == _figures[Key];

    /// <summary>The graph with this record and what was measured.</summary>
    public byte[] Sign(OptimizationResult result)
    {
        _figures["agreement"] = Text($"{result.Agreement:F5}");
        _figures[DerivedGraph.Speedup] = Text($"{result.Speedup:F2}");
        if (result.MeanIou is { } iou)
        {
            _figures["mean_iou"] = Text($"{iou.Own:F2}");
            _figures["mean_iou_float32"] = Text($"{iou.Float:F2}");
        }

        using OnnxModel model = OnnxModel.Open(result.File);
        foreach ((string name, string value) in _figures)
        {
            model.Metadata[DerivedGraph.Prefix + name] = value;
        }

        return model.ToBytes();
    }

    // Graphs that were made before lie in the same folder and do not count.
    private static IEnumerable<string> Files(ModelFolder model, int version, OptimizationSet set, OptimizationSettings settings)
    {
        string graph = model.GraphFile(version);
        string[] made = [ModelFolder.VariantFile(graph, GraphVariant.Int8), ModelFolder.VariantFile(graph, GraphVariant.Float16)];
        return
        [
            .. model.Files(version).Except(made).Where(File.Exists).Order(StringComparer.Ordinal),
            .. settings.Graph is null ? [] : (string[])[settings.Graph], .. settings.UsesCalibration ? set.Calibration : [],
            .. set.HeldOut, .. set.Labelled.Select(pair => pair.Label),
        ];
    }

    private static string Hash(IEnumerable<string> files, IEnumerable<string> texts)
    {
        string program = typeof(OptimizationRecord).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!
            .InformationalVersion.Split('+')[0];
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (string text in texts.Prepend(program))
        {
            hash.AppendData(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
        }

        foreach (string file in files)
        {
            using FileStream stream = File.OpenRead(file);
            hash.AppendData(SHA256.HashData(stream));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
