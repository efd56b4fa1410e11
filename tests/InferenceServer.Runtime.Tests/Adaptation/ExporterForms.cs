using System.Text.Json.Nodes;
using InferenceServer.Kernels;
using InferenceServer.Runtime.Formats;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Tests.Models;
using SixLabors.ImageSharp;
using SixLabors.ImageSharp.PixelFormats;

namespace InferenceServer.Runtime.Tests.Adaptation;

/// <summary>Tiny graphs in the forms that exporters give, each with an image and its right labels.</summary>
internal sealed class ExporterForm
{
    private readonly string _folder;
    private readonly JsonObject _form;

    public ExporterForm(string name)
    {
        Name = name;
        _folder = Path.Combine(Root, name);
        _form = JsonNode.Parse(File.ReadAllText(Path.Combine(_folder, "form.json")))!.AsObject();
    }

    public static IEnumerable<string> Names =>
        Directory.EnumerateDirectories(Root).Select(d => Path.GetFileName(d)!).Order(StringComparer.Ordinal);

    public string Name { get; }

    /// <summary>The manifest of somebody who knows the model.</summary>
    public JsonObject Manifest => _form["manifest"]!.DeepClone().AsObject();

    /// <summary>Words of the refusal; null where the graph is to be served.</summary>
    public string? Refused => (string?)_form["refused"];

    /// <summary>Words of a warning; null where none is wanted.</summary>
    public string? Warning => (string?)_form["warning"];

    /// <summary>Channels of a graph that takes no images; null where it takes images.</summary>
    public int? Channels => (int?)_form["channels"];

    /// <summary>Names of the classes, where they are not the five colours.</summary>
    public JsonArray? ClassNames => (JsonArray?)_form["names"]?.DeepClone();

    /// <summary>Whether only a draft can tell that the graph is no segmentation.</summary>
    public bool IsForDraftsOnly => (bool?)_form["draft_only"] ?? false;

    /// <summary>The least share of right labels, in percent; below 99.5 where the graph looks at neighbours.</summary>
    public double Least => (double?)_form["least"] ?? 99.5;

    public byte[] Image => File.ReadAllBytes(Path.Combine(_folder, "photo.png"));

    private static string Root { get; } = Path.Combine(AppContext.BaseDirectory, "assets", "forms");

    /// <summary>Copies the graph into a repository of models.</summary>
    /// <returns>The path of the graph.</returns>
    public string CopyTo(ModelsFolder models, JsonObject? manifest)
    {
        string model = models.Combine(Name), version = Path.Combine(model, "1"), blobs = Path.Combine(_folder, "blobs");
        Directory.CreateDirectory(version);
        if (Directory.Exists(blobs) && !OperatingSystem.IsWindows())
        {
            // Hugging Face's cache, DVC and git-annex keep contents elsewhere, behind links.
            Directory.CreateDirectory(Path.Combine(model, "blobs"));
            foreach ((string name, string blob) in new[] { ("model.onnx", "aa"), ("model.onnx_data", "bb") })
            {
                File.Copy(Path.Combine(blobs, blob), Path.Combine(model, "blobs", blob));
                File.CreateSymbolicLink(Path.Combine(version, name), Path.Combine("..", "blobs", blob));
            }
        }
        else
        {
            foreach (string file in Directory.EnumerateFiles(Path.Combine(_folder, "1")))
            {
                File.Copy(file, Path.Combine(version, Path.GetFileName(file)));
            }
        }

        if (manifest is not null)
        {
            File.WriteAllText(Path.Combine(model, "model.json"), manifest.ToJsonString());
        }

        return Path.Combine(version, "model.onnx");
    }

    /// <summary>The share of labels that equal the right ones, in percent.</summary>
    public double Agreement(byte[] raw)
    {
        using Image<L16> truth = SixLabors.ImageSharp.Image.Load<L16>(Path.Combine(_folder, "truth.png"));
        L16[] right = new L16[truth.Width * truth.Height];
        truth.CopyPixelDataTo(right);
        int bytes = raw.Length / right.Length;
        int equal = right.Where((label, i) => label.PackedValue == (bytes == 2 ? BitConverter.ToUInt16(raw, 2 * i) : raw[i])).Count();
        return 100.0 * equal / right.Length;
    }
}
