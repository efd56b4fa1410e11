namespace InferenceServer.Runtime.Tests.Models;

/// <summary>A folder of models that a test changes under the server's eyes.</summary>
internal sealed class ModelsFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory().FullName;

    /// <summary>Puts one of the tiny models there as this version.</summary>
    public string Add(string model, int version, string? name = null)
    {
        string source = System.IO.Path.Combine(Assets.Models, model);
        if (!Directory.Exists(source))
        {
            source = System.IO.Path.Combine(Assets.OddModels, model);
        }

        string target = Directory.CreateDirectory(Combine(name ?? model, $"{version}")).FullName;
        File.Copy(
            System.IO.Path.Combine(source, "1", "model.onnx"),
            System.IO.Path.Combine(target, "model.onnx"), overwrite: true);
        string manifest = Combine(name ?? model, "model.json");
        if (!File.Exists(manifest))
        {
            string text = File.ReadAllText(System.IO.Path.Combine(source, "model.json"));
            File.WriteAllText(manifest, text.Replace($"\"name\": \"{model}\",", "", StringComparison.Ordinal));
        }

        return System.IO.Path.Combine(target, "model.onnx");
    }

    /// <summary>Puts a graph there that is none.</summary>
    public string AddBroken(string name, int version)
    {
        string file = System.IO.Path.Combine(Directory.CreateDirectory(Combine(name, $"{version}")).FullName, "model.onnx");
        File.WriteAllText(file, "no graph");
        return file;
    }

    public void EditManifest(string name, string from, string to)
    {
        string manifest = Combine(name, "model.json");
        string text = File.ReadAllText(manifest);
        Assert.Contains(from, text, StringComparison.Ordinal);
        File.WriteAllText(manifest, text.Replace(from, to, StringComparison.Ordinal));
    }

    public void Remove(params string[] path) => Directory.Delete(Combine(path), recursive: true);

    public string Combine(params string[] path) => System.IO.Path.Combine([Path, .. path]);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
