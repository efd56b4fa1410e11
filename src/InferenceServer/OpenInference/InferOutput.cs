namespace InferenceServer.OpenInference;

/// <summary>An output tensor that a request asks for.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Parameters">Its parameters.</param>
internal sealed record InferOutput(string Name, InferParameters Parameters);
