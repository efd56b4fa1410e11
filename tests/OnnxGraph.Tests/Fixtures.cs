using Microsoft.ML.OnnxRuntime;

namespace OnnxGraph.Tests;

/// <summary>The models of tests/assets/onnx, which make_onnx.py made.</summary>
internal static class Fixtures
{
    public static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "assets", "onnx");

    public static TheoryData<string> Small => [.. Names("onnx")];

    public static TheoryData<string> All => [.. Names("onnx").Concat(Names("models"))];

    public static string PathOf(string name)
    {
        string small = Path.Combine(Folder, name + ".onnx");
        if (File.Exists(small))
        {
            return small;
        }

        return Path.Combine(AppContext.BaseDirectory, "assets", "models", name + ".onnx");
    }

    public static byte[] Read(string name) => File.ReadAllBytes(PathOf(name));

    public static OnnxModel Open(string name) => OnnxModel.Open(PathOf(name));

    /// <summary>Runs a model with ONNX Runtime.</summary>
    public static float[] Run(byte[] model, params (string Name, OrtValue Value)[] inputs)
    {
        using InferenceSession session = new(model);
        using RunOptions options = new();
        using IDisposableReadOnlyCollection<OrtValue> outputs = session.Run(
            options, [.. inputs.Select(input => input.Name)], [.. inputs.Select(input => input.Value)], session.OutputNames);
        return outputs[0].GetTensorDataAsSpan<float>().ToArray();
    }

    public static OrtValue Tensor<T>(long[] shape, params T[] values)
        where T : unmanaged => OrtValue.CreateTensorValueFromMemory(values, shape);

    private static IEnumerable<string> Names(string folder) =>
        Directory.EnumerateFiles(Path.Combine(AppContext.BaseDirectory, "assets", folder), "*.onnx")
            .Select(file => Path.GetFileNameWithoutExtension(file)).Order(StringComparer.Ordinal);
}
