using System.Globalization;

namespace InferenceServer.Runtime.Sessions;

/// <summary>One input or output of a graph.</summary>
/// <param name="Name">Its name.</param>
/// <param name="ElementType">Its element type in ONNX's terms, for instance <c>float32</c>.</param>
/// <param name="Shape">Its dimensions; −1 where the graph leaves one open.</param>
public sealed record TensorSignature(string Name, string ElementType, IReadOnlyList<int> Shape)
{
    /// <summary>For instance <c>input: float32 [?, 3, ?, ?]</c>.</summary>
    public override string ToString() =>
        $"{Name}: {ElementType} [{string.Join(", ", Shape.Select(d => d < 0 ? "?" : d.ToString(CultureInfo.InvariantCulture)))}]";
}
