using System.Globalization;
using InferenceServer.Runtime.Manifests;
using OnnxGraph;

namespace InferenceServer.Runtime.Adaptation;

/// <summary>Names, types and shapes of a graph's inputs and outputs, as the file declares them.</summary>
/// <param name="Inputs">The inputs in the graph's order.</param>
/// <param name="Outputs">The outputs in the graph's order.</param>
internal sealed record GraphSignature(IReadOnlyList<TensorSignature> Inputs, IReadOnlyList<TensorSignature> Outputs);

/// <summary>One input or output of a graph.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">Its element type.</param>
/// <param name="Shape">Its dimensions; −1 where the graph leaves one open; empty where the rank is unknown.</param>
internal sealed record TensorSignature(string Name, ElementType Type, IReadOnlyList<int> Shape)
{
    /// <summary>What a graph declares.</summary>
    public static TensorSignature Of(ValueInfo value) => new(value.Name, value.Type, [.. value.Shape?.Select(Length) ?? []]);

    /// <summary>The element type in ONNX's terms, for instance <c>float32</c>.</summary>
    public string TypeName => Type.Name();

    /// <summary>For instance <c>input: float32 [?, 3, ?, ?]</c>.</summary>
    public override string ToString() =>
        $"{Name}: {TypeName} [{string.Join(", ", Shape.Select(d => d < 0 ? "?" : d.ToString(CultureInfo.InvariantCulture)))}]";

    private static int Length(Dimension axis)
    {
        if (axis.Value is > 0 and <= int.MaxValue)
        {
            return (int)axis.Value;
        }

        return -1;
    }
}

/// <summary>What an ONNX file declares.</summary>
/// <param name="Signature">The inputs and outputs of the graph; inputs with a default are left out.</param>
/// <param name="Producer">The program that wrote the file; empty where the file does not say.</param>
/// <param name="Opset">Version of ONNX's own operator set; null where the file names no version.</param>
/// <param name="Metadata">The file's <c>metadata_props</c>.</param>
internal sealed record GraphDescription(
    GraphSignature Signature, string Producer, int? Opset, IReadOnlyDictionary<string, string> Metadata)
{
    /// <summary>Reads what a file declares.</summary>
    /// <exception cref="ManifestException">The file is no ONNX file.</exception>
    public static GraphDescription Read(string file)
    {
        try
        {
            using OnnxModel model = OnnxModel.Open(file);
            return Of(model);
        }
        catch (OnnxFormatException e)
        {
            throw new ManifestException(ModelFile.Display(file), [$"cannot read the graph: {e.Message}"]);
        }
    }

    /// <summary>Describes a model.</summary>
    public static GraphDescription Of(OnnxModel model) => new(
        new GraphSignature(
            [.. model.Graph.Inputs.Where(i => model.Graph.Initializer(i.Name) is null).Select(TensorSignature.Of)],
            [.. model.Graph.Outputs.Select(TensorSignature.Of)]),
        model.ProducerName, model.Opset, new Dictionary<string, string>(model.Metadata));
}

/// <summary>A graph with nodes before and behind it, so that it takes float32 N×C×H×W and returns float32 scores
/// N×C×h×w or integer labels N×h×w. The file stays as it is.</summary>
internal sealed record AdaptedGraph
{
    /// <summary>Name of the image input.</summary>
    public required string Input { get; init; }

    /// <summary>Name of the result.</summary>
    public required string Output { get; init; }

    /// <summary>Name of a second output, the labels N×h×w of the result's scores; null where there is none.</summary>
    public string? Labels { get; init; }

    /// <summary>Name of the input that takes height and width of the client's image; null where there is none.</summary>
    public string? SizeInput { get; init; }

    /// <summary>Channels of the input.</summary>
    public required int Channels { get; init; }

    /// <summary>What the output holds.</summary>
    public required OutputKind Kind { get; init; }

    /// <summary>Most images that one run takes.</summary>
    public required int MaxBatch { get; init; }

    /// <summary>What was added, one phrase each; empty where the file serves as it is.</summary>
    public required IReadOnlyList<string> Added { get; init; }

    /// <summary>What the file declares.</summary>
    public required GraphDescription Source { get; init; }
}

/// <summary>What ONNX Runtime opens.</summary>
/// <param name="File">The file that the graph was read from; weights in further files lie beside it.</param>
/// <param name="Adapted">The adapted graph, without the weights that lie in further files; null where the file serves as
/// it is.</param>
/// <param name="WeightBits">Bits of its widest quantised weights; 0 where it has none.</param>
internal readonly record struct GraphSource(string File, byte[]? Adapted, int WeightBits = 0);

/// <summary>The weights of a quantised graph.</summary>
internal static class QuantizedWeights
{
    private const int SevenBits = 64;

    private static readonly HashSet<string> Readers =
    [
        "DequantizeLinear", "QLinearConv", "QLinearMatMul", "QGemm", "ConvInteger", "MatMulInteger",
        "DynamicQuantizeMatMul", "MatMulIntegerToFloat", "QAttention",
    ];

    /// <summary>Bits of the widest weights that are signed integers of 8 bits; 0 where there are none.</summary>
    public static int Bits(Graph graph)
    {
        int most = 0;
        foreach (string name in graph.Nodes.Where(n => Readers.Contains(n.OpType)).SelectMany(n => n.Inputs).Distinct())
        {
            Tensor? weights = graph.Initializer(name)
                ?? (graph.Producer(name) is { OpType: "Constant" } constant ? constant.Attribute("value")?.Tensor : null);
            if (weights is { Type: ElementType.Int8, Dims.Length: > 1 })
            {
                bool isWide = weights.ReadBytes(long.MaxValue).Any(w => (sbyte)w is > SevenBits or < -SevenBits);
                most = Math.Max(most, isWide ? 8 : 7);
            }
        }

        return most;
    }
}
