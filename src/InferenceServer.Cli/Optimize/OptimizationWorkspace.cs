using System.Globalization;
using System.Text.Json.Nodes;
using InferenceServer.Cli.Hosting;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Adaptation;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Sessions;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.ML.OnnxRuntime;

namespace InferenceServer.Cli.Optimize;

/// <summary>A temporary folder of models: the float graph, and each graph that was made of it.</summary>
internal sealed class OptimizationWorkspace : IDisposable
{
    /// <summary>Name of the model with the float graph.</summary>
    public const string Float = "float";

    private readonly string _folder = Directory.CreateTempSubdirectory("optimize-").FullName;
    private readonly string _graph;
    private readonly string _manifest;
    private readonly ServiceProvider _services;
    private int _files;

    /// <summary>Makes the folder.</summary>
    /// <param name="model">The model's folder.</param>
    /// <param name="version">The version to optimise.</param>
    /// <param name="build">Builds the runtime over a folder of models.</param>
    public OptimizationWorkspace(ModelFolder model, int version, Func<string, ServiceProvider> build)
    {
        _graph = model.GraphFile(version);
        _manifest = Manifest(model, _graph);
        _services = build(_folder);
    }

    public SessionFactory Sessions => _services.GetRequiredService<SessionFactory>();

    /// <summary>Writes the float graph with its constants computed and its batch norms folded into convolutions.</summary>
    /// <returns>The file.</returns>
    /// <exception cref="CommandException">ONNX Runtime cannot read the graph.</exception>
    public string Prepare()
    {
        string file = Add(Float);
        try
        {
            using SessionOptions options = new()
            {
                GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_BASIC,
                OptimizedModelFilePath = file,
                LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL,
            };
            using InferenceSession session = new(_graph, options);
            return file;
        }
        catch (OnnxRuntimeException e)
        {
            throw new CommandException($"ONNX Runtime cannot read '{_graph}': {e.Message}");
        }
    }

    /// <summary>A name for a file that does not exist yet.</summary>
    public string NewFile() => Path.Combine(_folder, string.Create(CultureInfo.InvariantCulture, $"{++_files}.onnx"));

    /// <summary>Makes a model of a graph.</summary>
    /// <param name="graph">A file of <see cref="NewFile"/>, which is moved.</param>
    /// <returns>The model's name.</returns>
    public string AddGraph(string graph)
    {
        string name = "made-" + Path.GetFileNameWithoutExtension(graph);
        System.IO.File.Move(graph, Add(name));
        return name;
    }

    /// <summary>The graph of a model.</summary>
    public string File(string name) => Path.Combine(_folder, name, "1", "model.onnx");

    /// <summary>Loads a model as the server does.</summary>
    public LoadedVariant Load(string name, CancellationToken cancellationToken) => new(
        _services.GetRequiredService<ModelRepository>().Load(name, cancellationToken), _services.GetRequiredService<Segmenter>());

    public void Dispose()
    {
        _services.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private string Add(string name)
    {
        string file = File(name);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        System.IO.File.WriteAllText(Path.Combine(_folder, name, ManifestReader.FileName), _manifest);
        return file;
    }

    // Without what belongs to the model's own folder, and without warm-up.
    private static string Manifest(ModelFolder model, string graph)
    {
        string file = Path.Combine(model.Path, ManifestReader.FileName);
        string? text = System.IO.File.Exists(file)
            ? System.IO.File.ReadAllText(file)
            : GraphDescription.Read(graph).Metadata.GetValueOrDefault(ManifestReader.MetadataKey);
        if (text is null || JsonNode.Parse(text, documentOptions: CrfSectionOptions) is not JsonObject manifest)
        {
            throw new CommandException($"Expected a manifest '{file}', found none.");
        }

        manifest.Remove("name");
        manifest.Remove("source");
        manifest["warm_up"] = new JsonObject { ["sizes"] = new JsonArray(), ["batches"] = new JsonArray(1) };
        return manifest.ToJsonString();
    }

    private static System.Text.Json.JsonDocumentOptions CrfSectionOptions => new()
    {
        CommentHandling = System.Text.Json.JsonCommentHandling.Skip, AllowTrailingCommas = true,
    };
}
