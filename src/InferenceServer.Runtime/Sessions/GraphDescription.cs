namespace InferenceServer.Runtime.Sessions;

/// <summary>What an ONNX file says about itself.</summary>
/// <param name="Signature">Its inputs and outputs.</param>
/// <param name="Producer">The program that wrote it; empty where the file does not say.</param>
/// <param name="Opset">Version of ONNX's own operator set; null where the file names none.</param>
/// <param name="Metadata">Its <c>metadata_props</c>.</param>
public sealed record GraphDescription(GraphSignature Signature, string Producer, int? Opset, IReadOnlyDictionary<string, string> Metadata);
