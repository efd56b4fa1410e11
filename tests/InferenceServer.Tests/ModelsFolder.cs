namespace InferenceServer.Tests;

/// <summary>A folder of models of its own, for tests that change it.</summary>
internal sealed class ModelsFolder
{
    private static readonly string Fixtures = System.IO.Path.Combine(AppContext.BaseDirectory, "models");

    public string Path { get; } = Directory.CreateTempSubdirectory().FullName;

    /// <summary>Puts one of the tiny models there as this version, its graph last and in one step.</summary>
    public void Add(string model, int version)
    {
        string target = Directory.CreateDirectory(System.IO.Path.Combine(Path, model, $"{version}")).FullName;
        File.Copy(
            System.IO.Path.Combine(Fixtures, model, "model.json"), System.IO.Path.Combine(Path, model, "model.json"),
            overwrite: true);
        string part = System.IO.Path.Combine(target, "model.onnx.part");
        File.Copy(System.IO.Path.Combine(Fixtures, model, "1", "model.onnx"), part);
        File.Move(part, System.IO.Path.Combine(target, "model.onnx"));
    }

    /// <summary>Puts a graph there that is none.</summary>
    public void AddBroken(string model, int version) =>
        File.WriteAllText(
            System.IO.Path.Combine(
                Directory.CreateDirectory(System.IO.Path.Combine(Path, model, $"{version}")).FullName, "model.onnx"),
            "no graph");

    public void Remove(string model) => Directory.Delete(System.IO.Path.Combine(Path, model), recursive: true);

    public void Delete() => Directory.Delete(Path, recursive: true);
}
