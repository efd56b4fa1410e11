using System.Text.Json;
using InferenceServer.Kernels;

namespace InferenceServer.LoadTests.Contenders;

/// <summary>What a raw loop has to know of a served model; its input is the image resized by the short side,
/// without padding.</summary>
internal sealed class BenchmarkModel
{
    private readonly int _shortSide;

    public BenchmarkModel(string folder)
    {
        Folder = folder;
        Name = Path.GetFileName(folder);
        using JsonDocument manifest = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "model.json")));
        JsonElement graph = manifest.RootElement.GetProperty("graph");
        Input = graph.GetProperty("input").GetString()!;
        Output = graph.GetProperty("output").GetString()!;
        JsonElement preprocess = manifest.RootElement.GetProperty("preprocess");
        if (preprocess.GetProperty("resize").GetProperty("mode").GetString() != "short_side"
            || preprocess.GetProperty("size").GetProperty("multiple").GetInt32() != 1)
        {
            throw new NotSupportedException(
                $"'{Name}' is not resized by the short side without padding, which is all that the raw loop and " +
                "the peers do.");
        }

        _shortSide = preprocess.GetProperty("resize").GetProperty("size").GetInt32();
        int version = Directory.EnumerateDirectories(folder)
            .Select(d => int.TryParse(Path.GetFileName(d), out int number) ? number : 0)
            .Max();
        Graph = Path.Combine(folder, $"{version}", "model.onnx");
    }

    /// <summary>The same network of 8 bits, in a folder of its own: the peers know one file of a model.</summary>
    /// <param name="output">Receives the folder.</param>
    /// <returns>Null where the model has no such file.</returns>
    public BenchmarkModel? Int8(string output)
    {
        string graph = Path.ChangeExtension(Graph, "int8.onnx");
        if (!File.Exists(graph))
        {
            return null;
        }

        string folder = Path.Combine(Path.GetFullPath(output), Name + "-int8");
        Directory.CreateDirectory(Path.Combine(folder, "1"));
        File.Copy(Path.Combine(Folder, "model.json"), Path.Combine(folder, "model.json"), overwrite: true);
        File.Copy(graph, Path.Combine(folder, "1", "model.onnx"), overwrite: true);
        return new BenchmarkModel(folder);
    }

    public string Folder { get; }

    public string Name { get; }

    public string Graph { get; }

    public string Input { get; }

    public string Output { get; }

    /// <summary>The network's input for a image of this size.</summary>
    public ImageSize InputOf(ImageSize photo)
    {
        double scale = (double)_shortSide / Math.Min(photo.Width, photo.Height);
        return new ImageSize((int)Math.Round(photo.Width * scale), (int)Math.Round(photo.Height * scale));
    }
}
