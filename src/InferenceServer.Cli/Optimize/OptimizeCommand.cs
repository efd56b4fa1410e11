using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using InferenceServer.Cli.Hosting;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Sessions;

namespace InferenceServer.Cli.Optimize;

/// <summary><c>optimize</c>: makes a network of 8 bits of a float network, and checks what that costs.</summary>
internal static class OptimizeCommand
{
    public static Command Create()
    {
        Option<string> model = new("--model") { Description = "The model's name.", HelpName = "NAME", Required = true };
        Option<string> images = new("--images")
        {
            Description = "The folder of images to calibrate on: like those to be served, some tens or more.",
            HelpName = "DIR",
            Required = true,
        };
        Option<string?> check = new("--check")
        {
            Description = "The folder of images to check on. Default: some of --images, which then do not calibrate.", HelpName = "DIR",
        };
        Option<string?> labels = new("--labels")
        {
            Description = "The folder of label maps of the images to check on, as for evaluate: the mean IoU is checked, too.",
            HelpName = "DIR",
        };
        Option<int> count = NumberOption.Create("--count", "Most images to calibrate on.", usual: 64, least: 1, most: 10_000);
        Option<CalibrationMethod> method = ChoiceOption.Create(
            "--method", "How the range of a value is chosen; auto tries one after another until the masks agree.",
            ("auto", CalibrationMethod.Auto), ("minmax", CalibrationMethod.MinMax), ("percentile", CalibrationMethod.Percentile),
            ("entropy", CalibrationMethod.Entropy));
        Option<double> agreement = NumberOption.Create(
            "--min-agreement", "Least share of equal labels, over images that were not calibrated on.", usual: 0.995, least: 0, most: 1);
        Option<double> loss = NumberOption.Create(
            "--max-loss", "Most points of mean IoU that may be lost.", usual: 0.2, least: -100, most: 100);
        Option<double> speedup = NumberOption.Create(
            "--min-speedup", "Least speed in multiples of the float network's; --float16 is faster on a GPU alone.",
            usual: 1.3, least: 0, most: 100);
        Option<byte> ignore = NumberOption.Create<byte>(
            "--ignore", "The void label: pixels with this label do not count.", usual: 255, least: 0, most: 255);
        Option<bool> half = new("--float16")
        {
            Description = "Make a network of 16-bit floats instead: half the file, and faster on a GPU.",
        };
        Option<bool> ends = new("--ends-too") { Description = "The layers that give the scores become 8 bits, too." };
        Option<string?> graph = new("--graph")
        {
            Description = "Check this graph, which another program made of the model's graph, instead of making one.", HelpName = "FILE",
        };
        Option<string?> output = new("--out")
        {
            Description =
                "The file to write. Default: model.int8.onnx or model.float16.onnx beside the model's graph, where the server "
                + "finds it.",
            HelpName = "FILE",
        };
        Option<bool> dryRun = new("--dry-run") { Description = "Measure, and write nothing." };
        Option<bool> force = new("--force")
        {
            Description = "Make the graph again although the one that is there was made of the same files with the same options.",
        };
        Command command = new(
            "optimize",
            "Make a network of 8 bits (static QDQ int8) of a model's float32 network, check its masks and its speed, and write it if "
            + "they hold.")
        {
            model, images, check, labels, count, method, agreement, loss, speedup, ignore, half, ends, graph, output, dryRun, force,
        };
        RuntimeOptions runtime = RuntimeOptions.AddTo(command, withVariant: false);
        command.SetAction((parsed, ct) => OptimizeAsync(
            parsed, runtime, parsed.GetRequiredValue(model),
            OptimizationSet.Create(
                parsed.GetRequiredValue(images), parsed.GetValue(check), parsed.GetValue(labels), parsed.GetValue(count)),
            new OptimizationSettings
            {
                Variant = parsed.GetValue(half) ? GraphVariant.Float16 : GraphVariant.Int8,
                Method = parsed.GetValue(method),
                WeightBits = ProcessorTraits.Current.WeightBits,
                Graph = parsed.GetValue(graph),
                EndsToo = parsed.GetValue(ends),
                MinAgreement = parsed.GetValue(agreement),
                MaxLoss = parsed.GetValue(loss),
                MinSpeedup = parsed.GetValue(speedup),
                Ignore = parsed.GetValue(ignore),
            },
            new OptimizationTarget(parsed.GetValue(output), parsed.GetValue(dryRun), parsed.GetValue(force)), ct));
        return command;
    }

    private static async Task OptimizeAsync(
        ParseResult parsed, RuntimeOptions runtime, string name, OptimizationSet set, OptimizationSettings settings,
        OptimizationTarget target, CancellationToken cancellationToken)
    {
        ModelFolder model = new FolderSource(runtime.Folder(parsed)).List().FirstOrDefault(folder => folder.Name == name)
            ?? throw new CommandException($"--model: expected a model in '{runtime.Folder(parsed)}', found no '{name}'.");
        if (model.Versions.Count == 0)
        {
            throw new CommandException($"Expected a version with a graph in '{model.Path}', found none.");
        }

        int version = model.Versions[0];
        string graph = model.GraphFile(version), file = target.Output ?? ModelFolder.VariantFile(graph, settings.Variant);
        Terminal terminal = Terminal.For(parsed);
        OptimizationRecord record = OptimizationRecord.Create(model, version, set, settings);
        if (!target.IsForced && !target.IsDryRun && record.IsIn(file))
        {
            terminal.Result($"{file} is up to date: made of the same files with the same options; --force makes it again");
            return;
        }

        long start = Stopwatch.GetTimestamp();
        using OptimizationWorkspace workspace = new(
            model, version,
            folder => runtime.Build(parsed, options =>
            {
                (options.Models.Path, options.Models.WarmUp) = (folder, true);
                options.Onnx.NormalizeOnGpu = false; // the inputs also go to graphs on the processor
            }));
        Optimizer optimizer = new(workspace, settings);
        OptimizationResult result = await optimizer
            .RunAsync(set, step => terminal.Note(step + "…"), cancellationToken).ConfigureAwait(false);
        Report(terminal, graph, result, settings);
        terminal.Result(Text($"Made and checked in {Stopwatch.GetElapsedTime(start).TotalSeconds:F0} s"));
        string[] failures = [.. Failures(result, settings)];
        if (failures.Length > 0)
        {
            throw new CommandException("The network does not hold and was not written: " + string.Join("; ", failures) + ".");
        }

        if (!target.IsDryRun)
        {
            await WholeFile.WriteAsync(file, record.Sign(result), cancellationToken).ConfigureAwait(false);
            terminal.Result(file);
        }
    }

    private static IEnumerable<string> Failures(OptimizationResult result, OptimizationSettings settings)
    {
        if (result.Agreement < settings.MinAgreement)
        {
            yield return Text(
                $"expected {settings.MinAgreement * 100:F1} % of equal labels, got {result.Agreement * 100:F2} (--min-agreement)");
        }

        if (result.Loss > settings.MaxLoss)
        {
            yield return Text($"expected a loss of at most {settings.MaxLoss} points of mean IoU, got {result.Loss:F2} (--max-loss)");
        }

        if (result.Speedup < settings.MinSpeedup)
        {
            yield return Text($"expected {settings.MinSpeedup} times the speed, got {result.Speedup:F2} (--min-speedup)");
        }
    }

    private static void Report(Terminal terminal, string graph, OptimizationResult result, OptimizationSettings settings)
    {
        if (result.Layers.All > 0)
        {
            terminal.Result(Text(
                $"Layers with weights in 8 bits: {result.Layers.Made} of {result.Layers.All}, weights of {settings.WeightBits} bits"));
        }

        terminal.Result(Text($"Equal labels: {result.Agreement * 100:F2} %"));
        if (result.MeanIou is { } iou)
        {
            terminal.Result(Text($"Mean IoU: {iou.Own:F2} %, float32 {iou.Float:F2} %"));
        }

        (double own, double before) = (result.Time.Own.TotalMilliseconds, result.Time.Float.TotalMilliseconds);
        string time = result.IsProcessorTime ? " of processor time" : "";
        terminal.Result(Text($"One input: {own:F1} ms{time}, float32 {before:F1} ms, {result.Speedup:F2} times the speed"));
        terminal.Result(Text($"File: {new FileInfo(result.File).Length:N0} bytes, float32 {new FileInfo(graph).Length:N0}"));
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

/// <summary>Where the graph is written.</summary>
/// <param name="Output">The file; null is beside the model's graph.</param>
/// <param name="IsDryRun">Whether nothing is written.</param>
/// <param name="IsForced">Whether a graph that is up to date is made again.</param>
internal sealed record OptimizationTarget(string? Output, bool IsDryRun, bool IsForced);
