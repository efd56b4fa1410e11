namespace InferenceServer.Runtime.Sessions;

/// <summary>Names, types and shapes of a graph's inputs and outputs, as the file declares them.</summary>
/// <param name="Inputs">In the graph's order.</param>
/// <param name="Outputs">In the graph's order.</param>
public sealed record GraphSignature(IReadOnlyList<TensorSignature> Inputs, IReadOnlyList<TensorSignature> Outputs);
