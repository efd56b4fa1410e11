using System.CommandLine;
using InferenceServer.Runtime.Adaptation;
using InferenceServer.Cli.Hosting;
using InferenceServer.Runtime.Inspection;
using InferenceServer.Runtime.Sessions;
using InferenceServer.Runtime.Manifests;
using Microsoft.Extensions.DependencyInjection;

namespace InferenceServer.Cli.Inspect;

/// <summary><c>inspect</c>: describes a graph and drafts its manifest.</summary>
internal static class InspectCommand
{
    public static Command Create()
    {
        Argument<string> model = new("model") { Description = "An ONNX file.", HelpName = "MODEL.onnx" };
        Option<string?> manifest = new("--manifest")
        {
            Description = "Write the draft of model.json to a file that does not exist yet. Default: print it.",
            HelpName = "FILE",
        };
        Command command = new(
            "inspect", "Describe the inputs and outputs of an ONNX graph by running it, and draft its model.json.")
        {
            model, manifest,
        };
        RuntimeOptions runtime = RuntimeOptions.AddTo(command);
        command.SetAction(
            (parsed, ct) => InspectAsync(parsed, runtime, parsed.GetRequiredValue(model), parsed.GetValue(manifest), ct));
        return command;
    }

    private static async Task InspectAsync(
        ParseResult parsed, RuntimeOptions runtime, string model, string? manifest, CancellationToken cancellationToken)
    {
        if (!File.Exists(model))
        {
            string found = Directory.Exists(model) ? "got a folder. Name the ONNX file in it." : "found none.";
            throw new CommandException($"Expected a file '{model}', {found}");
        }

        if (File.Exists(manifest))
        {
            throw new CommandException(
                $"--manifest: expected a file that does not exist, but '{manifest}' exists. "
                + "Choose another name, or delete it.");
        }

        if (manifest is not null)
        {
            // Checked before the trial runs, which take long.
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(manifest))!);
        }

        using ServiceProvider services = runtime.Build(parsed);
        ModelInspector inspector = services.GetRequiredService<ModelInspector>();
        Terminal terminal = Terminal.For(parsed);
        GraphDescription graph = GraphDescription.Read(model);
        InspectionTables.Write(graph, terminal.Out);
        ModelInspection inspection = inspector.Inspect(model, graph.Signature, cancellationToken);
        InspectionTables.Write(inspection, terminal.Out);
        if (graph.Signature.Outputs.Count > 1)
        {
            terminal.Note(
                $"The graph has {graph.Signature.Outputs.Count} outputs; "
                + $"the first, '{inspection.Output}', was inspected. Leave out auxiliary heads at export.");
        }

        ModelManifest measured = ManifestDraft.Create(model, ModelName(model, manifest), graph, inspection);
        HintedDraft hinted = HintedDraft.Create(measured, ExporterHints.Read(model, graph.Metadata), inspection);
        foreach (string origin in hinted.Origins)
        {
            terminal.Note($"Taken: {origin}");
        }

        foreach (string note in hinted.Notes)
        {
            terminal.Note($"Check: {note}");
        }

        IEnumerable<string> assumed = inspection.Assumptions.Concat(ManifestDraft.Assumptions(inspection.InputChannels));
        foreach (string assumption in hinted.Remaining(assumed))
        {
            terminal.Note($"Assumed: {assumption}");
        }

        string draft = ManifestReader.Write(hinted.Manifest);

        if (manifest is null)
        {
            terminal.Result(draft);
        }
        else
        {
            await File.WriteAllTextAsync(manifest, draft + "\n", cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>The name of the model's folder, from <c>NAME/model.json</c> or <c>NAME/1/model.onnx</c>; null for other
    /// paths.</summary>
    private static string? ModelName(string model, string? manifest)
    {
        if (manifest is not null)
        {
            return Path.GetFileName(Path.GetDirectoryName(Path.GetFullPath(manifest)));
        }

        string? version = Path.GetDirectoryName(Path.GetFullPath(model));
        if (int.TryParse(Path.GetFileName(version), out _))
        {
            return Path.GetFileName(Path.GetDirectoryName(version));
        }

        return null;
    }
}
