using System.CommandLine;
using InferenceServer.Cli.Hosting;
using InferenceServer.Runtime.Inspection;
using InferenceServer.Runtime.Sessions;
using InferenceServer.Runtime.Manifests;
using Microsoft.Extensions.DependencyInjection;

namespace InferenceServer.Cli.Inspect;

/// <summary><c>inspect</c>: what a graph takes and gives, and a first manifest for it.</summary>
internal static class InspectCommand
{
    public static Command Create()
    {
        Argument<string> model = new("model") { Description = "An ONNX file.", HelpName = "MODEL.onnx" };
        Option<string?> manifest = new("--manifest") { Description = "Write the draft of model.json to a file, which must not exist yet.", HelpName = "FILE" };
        Command command = new("inspect", "Show what an ONNX graph takes and gives, by running it, and draft its model.json.") { model, manifest };
        RuntimeOptions runtime = RuntimeOptions.AddTo(command);
        command.SetAction((parsed, ct) => InspectAsync(parsed, runtime, parsed.GetRequiredValue(model), parsed.GetValue(manifest), ct));
        return command;
    }

    private static async Task InspectAsync(ParseResult parsed, RuntimeOptions runtime, string model, string? manifest, CancellationToken cancellationToken)
    {
        if (!File.Exists(model))
        {
            throw new CommandException(Directory.Exists(model) ? $"'{model}' is a folder; name the ONNX file in it." : $"There is no file '{model}'.");
        }

        if (File.Exists(manifest))
        {
            throw new CommandException($"'{manifest}' exists already, and a draft does not replace it.");
        }

        if (manifest is not null)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(manifest))!); // before the trials, which take a while
        }

        using ServiceProvider services = runtime.Build(parsed);
        ModelInspector inspector = services.GetRequiredService<ModelInspector>();
        Terminal terminal = Terminal.For(parsed);
        GraphDescription graph = inspector.Describe(model);
        InspectionTables.Write(graph, terminal.Out);
        ModelInspection inspection = inspector.Inspect(model, graph.Signature, cancellationToken);
        InspectionTables.Write(inspection, terminal.Out);
        if (graph.Signature.Outputs.Count > 1)
        {
            terminal.Note($"Of {graph.Signature.Outputs.Count} outputs the first, '{inspection.Output}', was looked at; auxiliary heads are best left out at export.");
        }

        string draft = ManifestReader.Write(ManifestDraft.Create(model, ModelName(model, manifest), graph, inspection));
        foreach (string assumption in inspection.Assumptions.Concat(ManifestDraft.Assumptions))
        {
            terminal.Note($"Assumed: {assumption}");
        }

        if (manifest is null)
        {
            terminal.Result(draft);
        }
        else
        {
            await File.WriteAllTextAsync(manifest, draft + "\n", cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>The folder that the manifest is going to lie in, as far as the paths tell: <c>NAME/model.json</c> or <c>NAME/1/model.onnx</c>.</summary>
    private static string? ModelName(string model, string? manifest)
    {
        if (manifest is not null)
        {
            return Path.GetFileName(Path.GetDirectoryName(Path.GetFullPath(manifest)));
        }

        string? version = Path.GetDirectoryName(Path.GetFullPath(model));
        return int.TryParse(Path.GetFileName(version), out _) ? Path.GetFileName(Path.GetDirectoryName(version)) : null;
    }
}
