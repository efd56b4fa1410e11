namespace InferenceServer.Runtime.Manifests;

/// <summary>Paths as they are shown to people: from the model's folder on, never the machine's own.</summary>
internal static class ModelFile
{
    /// <summary><c>models/road/1/model.onnx</c> is shown as <c>road/1/model.onnx</c>.</summary>
    public static string Display(string path) => string.Join('/', path.Split(Path.DirectorySeparatorChar).TakeLast(3));
}
