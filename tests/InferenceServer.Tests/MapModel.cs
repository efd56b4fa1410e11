using System.Text.Json.Nodes;

namespace InferenceServer.Tests;

/// <summary>A network of four bands of 16 bits, for the file utm-bands.tif of tests/assets/geo: red, green, blue and near
/// infrared are its bands 3, 2, 1 and 4, and its reflectance of 0.4 is white for people.</summary>
internal sealed class MapModel : IDisposable
{
    private const string Name = "land";
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;

    public MapModel()
    {
        string source = Path.Combine(Repository.Root, "tests", "assets", "odd-models", "tiny-four");
        string target = Directory.CreateDirectory(Path.Combine(_folder, Name, "1")).FullName;
        File.Copy(Path.Combine(source, "1", "model.onnx"), Path.Combine(target, "model.onnx"));
        JsonNode manifest = JsonNode.Parse(File.ReadAllText(Path.Combine(source, "model.json")))!;
        manifest["name"] = Name;
        JsonObject preprocess = manifest["preprocess"]!.AsObject();
        preprocess.Remove("scale");
        preprocess["color"] = "bands";
        preprocess["bands"] = JsonNode.Parse(
            """[{"name":"red","index":3},{"name":"green","index":2},{"name":"blue","index":1},{"name":"nir","index":4}]""");
        preprocess["value_scaling"] = JsonNode.Parse("""[{"type":"scale","value":10000}]""");
        preprocess["view"] = JsonNode.Parse(
            """
            {
              "bands": [{"name":"red","index":3},{"name":"green","index":2},{"name":"blue","index":1}],
              "value_scaling": [{"type":"min-max","minimum":0,"maximum":4000}]
            }
            """);
        File.WriteAllText(Path.Combine(_folder, Name, "model.json"), manifest.ToJsonString());
    }

    /// <summary>The options of a server with this model alone.</summary>
    public (string Key, string Value)[] Settings => [("Models:Path", _folder), ("Models:Default", Name)];

    /// <summary>An image of tests/assets/geo.</summary>
    public static byte[] Image(string name) => File.ReadAllBytes(Path.Combine(Repository.Root, "tests", "assets", "geo", name + ".tif"));

    /// <summary>What people see of the image: reflectances of 0.2 and 0.04, as shares of 0.4.</summary>
    /// <param name="order">The channel of the usual colours that is shown as red, green and blue.</param>
    public static IEnumerable<byte> View(params int[] order) =>
        from label in Photo.Labels from channel in order select label == channel ? (byte)128 : (byte)26;

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
