using System.Globalization;

namespace InferenceServer.Runtime.Sessions;

/// <summary>Names, types and shapes of a graph's inputs and outputs, as the file declares them.</summary>
/// <param name="Inputs">In the graph's order.</param>
/// <param name="Outputs">In the graph's order.</param>
internal sealed record GraphSignature(IReadOnlyList<TensorSignature> Inputs, IReadOnlyList<TensorSignature> Outputs);

/// <summary>One input or output of a graph.</summary>
/// <param name="Name">Its name.</param>
/// <param name="ElementType">Its element type in ONNX's terms, for instance <c>float32</c>.</param>
/// <param name="Shape">Its dimensions; −1 where the graph leaves one open.</param>
internal sealed record TensorSignature(string Name, string ElementType, IReadOnlyList<int> Shape)
{
    /// <summary>For instance <c>input: float32 [?, 3, ?, ?]</c>.</summary>
    public override string ToString() =>
        $"{Name}: {ElementType} [{string.Join(", ", Shape.Select(d => d < 0 ? "?" : d.ToString(CultureInfo.InvariantCulture)))}]";
}

/// <summary>What an ONNX file says about itself.</summary>
/// <param name="Signature">Its inputs and outputs.</param>
/// <param name="Producer">The program that wrote it; empty where the file does not say.</param>
/// <param name="Opset">Version of ONNX's own operator set; null where the file names none.</param>
/// <param name="Metadata">Its <c>metadata_props</c>.</param>
internal sealed record GraphDescription(
    GraphSignature Signature, string Producer, int? Opset, IReadOnlyDictionary<string, string> Metadata);
