using System.CommandLine;
using InferenceServer.Runtime.Adaptation;
using InferenceServer.Cli.Hosting;
using InferenceServer.Runtime.Inspection;
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
        Option<string?> input = new("--input")
        {
            Description = "The input that takes the image. Default: chosen by names and shapes.",
            HelpName = "NAME",
        };
        Option<string?> outputName = new("--output")
        {
            Description = "The output that holds scores or labels of pixels. Default: the main head, chosen by " +
                "names and shapes; "
                + "depth maps and objects are refused.",
            HelpName = "NAME",
        };
        Option<string?> classes = new("--classes")
        {
            Description = "Names of the classes: one on each line, or a JSON list, or an object id2label. Default: " +
                "those that "
                + "the exporter left, else numbers.",
            HelpName = "FILE",
        };
        Command command = new(
            "inspect",
            "Describe an ONNX graph by running it, draft its model.json, and check the draft as the server would. " +
                "The exit "
            + "status is 0 where there is a draft, else 1.")
        {
            model, manifest, input, outputName, classes,
        };
        RuntimeOptions runtime = RuntimeOptions.AddTo(command, withVariant: false);
        command.SetAction((parsed, ct) =>
        {
            string? names = parsed.GetValue(classes);
            InspectionRequest request = new()
            {
                Name = ModelName(parsed.GetRequiredValue(model), parsed.GetValue(manifest)),
                Input = parsed.GetValue(input),
                Output = parsed.GetValue(outputName),
                Classes = names is null ? null : ClassFile.Read(names),
            };
            return InspectAsync(parsed, runtime, parsed.GetRequiredValue(model), parsed.GetValue(manifest), request,
                ct);
        });
        return command;
    }

    private static async Task InspectAsync(
        ParseResult parsed, RuntimeOptions runtime, string model, string? manifest, InspectionRequest request,
        CancellationToken cancellationToken)
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
        InspectionTables.Write(GraphDescription.Read(model), terminal.Out);
        ModelInspection inspection = inspector.Inspect(model, request, cancellationToken);
        InspectionTables.Write(inspection, terminal.Out);
        foreach (DraftNote note in inspection.Notes)
        {
            terminal.Note(note.ToString());
        }

        if (manifest is null)
        {
            terminal.Result(inspection.Text);
        }
        else
        {
            await File.WriteAllTextAsync(manifest, inspection.Text + "\n", cancellationToken).ConfigureAwait(false);
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

/// <summary>The names of classes in a file.</summary>
internal static class ClassFile
{
    /// <summary>Reads one name on each line, or a JSON list, or an object of names by index, alone or as
    /// <c>id2label</c>.</summary>
    /// <exception cref="CommandException">The file holds no names.</exception>
    public static IReadOnlyList<string> Read(string file)
    {
        IReadOnlyList<string>? names = HintDocument.ParseNames(File.ReadAllText(file));
        return names ?? throw new CommandException(
            $"--classes: expected one name on each line, a JSON list, or a JSON object of names by index from 0 on, " +
                $"got '{file}'.");
    }
}
