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
