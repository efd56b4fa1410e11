using System.CommandLine;
using System.Globalization;
using System.Security.Cryptography;
using InferenceServer.Cli.Evaluate;
using InferenceServer.Cli.Hosting;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Sessions;
using OnnxGraph;

namespace InferenceServer.Cli.Optimize;

/// <summary><c>optimize</c>: makes a network of 8 bits of a float network, and checks what that costs.</summary>
internal static class OptimizeCommand
{
    public static Command Create()
    {
        Option<string> model = new("--model") { Description = "The model's name.", HelpName = "NAME", Required = true };
        Option<string> images = new("--images")
        {
            Description = "The folder of images: like those to be served, some tens or more. Some calibrate, others check.",
            HelpName = "DIR",
            Required = true,
        };
        Option<string?> labels = new("--labels")
        {
            Description = "The folder of label maps, as for evaluate: the mean IoU is checked, too.", HelpName = "DIR",
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
        Option<string?> output = new("--out")
        {
            Description =
                "The file to write. Default: model.int8.onnx or model.float16.onnx beside the model's graph, where the server "
                + "finds it.",
            HelpName = "FILE",
        };
        Option<bool> dryRun = new("--dry-run") { Description = "Measure, and write nothing." };
        Command command = new(
            "optimize",
            "Make a network of 8 bits (static QDQ int8) of a model's float32 network, check its masks and its speed, and write it if "
            + "they hold.")
        {
            model, images, labels, count, method, agreement, loss, speedup, ignore, half, ends, output, dryRun,
        };
        RuntimeOptions runtime = RuntimeOptions.AddTo(command);
        command.SetAction((parsed, ct) => OptimizeAsync(
            parsed, runtime, parsed.GetRequiredValue(model), parsed.GetRequiredValue(images), parsed.GetValue(labels),
            parsed.GetValue(count),
            new OptimizationSettings
            {
                Variant = parsed.GetValue(half) ? GraphVariant.Float16 : GraphVariant.Int8,
                Method = parsed.GetValue(method),
                WeightBits = IntegerDotProduct.WeightBits,
                EndsToo = parsed.GetValue(ends),
                MinAgreement = parsed.GetValue(agreement),
                MaxLoss = parsed.GetValue(loss),
                MinSpeedup = parsed.GetValue(speedup),
                Ignore = parsed.GetValue(ignore),
            },
            parsed.GetValue(output), parsed.GetValue(dryRun), ct));
        return command;
    }

    private static async Task OptimizeAsync(
        ParseResult parsed, RuntimeOptions runtime, string name, string images, string? labels, int count, OptimizationSettings settings,
        string? output, bool dryRun, CancellationToken cancellationToken)
    {
        ModelFolder model = new FolderSource(runtime.Folder(parsed)).List().FirstOrDefault(folder => folder.Name == name)
            ?? throw new CommandException($"--model: expected a model in '{runtime.Folder(parsed)}', found no '{name}'.");
        if (model.Versions.Count == 0)
        {
            throw new CommandException($"Expected a version with a graph in '{model.Path}', found none.");
        }

        OptimizationSet set = OptimizationSet.Create(ImageFiles.Expand([images]), count);
        LabelPair[] labelled = labels is null ? [] : [.. LabelPair.Find(images, labels).Where(pair => set.HeldOut.Contains(pair.Image))];
        Terminal terminal = Terminal.For(parsed);
        string graph = model.GraphFile(model.Versions[0]);
        using OptimizationWorkspace workspace = new(
            model, model.Versions[0],
            folder => runtime.Build(parsed, options => (options.Models.Path, options.Models.WarmUp) = (folder, true)));
        Optimizer optimizer = new(workspace, settings);
        OptimizationResult result = await optimizer
            .RunAsync(set, labelled, step => terminal.Note(step + "…"), cancellationToken).ConfigureAwait(false);
        Report(terminal, graph, result, settings);
        string[] failures = [.. Failures(result, settings)];
        if (failures.Length > 0)
        {
            throw new CommandException("The network does not hold and was not written: " + string.Join("; ", failures) + ".");
        }

        if (!dryRun)
        {
            string target = output ?? ModelFolder.VariantFile(graph, settings.Variant);
            await WholeFile.WriteAsync(target, Signed(graph, result, set, settings), cancellationToken).ConfigureAwait(false);
            terminal.Result(target);
        }
    }

    // The figures travel with the graph; the server serves it only beside the graph it was made of.
    private static byte[] Signed(string graph, OptimizationResult result, OptimizationSet set, OptimizationSettings settings)
    {
        using OnnxModel model = OnnxModel.Open(result.File);
        using FileStream source = File.OpenRead(graph);
        model.Metadata[VariantChoice.DerivedFrom] = Convert.ToHexStringLower(SHA256.HashData(source));
        Dictionary<string, string> figures = new()
        {
            ["agreement"] = Text($"{result.Agreement:F5}"),
            ["images"] = Text($"{set.HeldOut.Count}"),
            ["speedup"] = Text($"{result.Speedup:F2}"),
            ["onnxruntime"] = SessionFactory.RuntimeVersion,
        };
        if (settings.Variant == GraphVariant.Int8)
        {
            figures["calibrated_on"] = Text($"{set.Calibration.Count}");
            figures["weight_bits"] = Text($"{settings.WeightBits}");
        }

        if (result.MeanIou is { } iou)
        {
            figures["mean_iou"] = Text($"{iou.Own:F2}");
            figures["mean_iou_float32"] = Text($"{iou.Float:F2}");
        }

        foreach ((string name, string value) in figures)
        {
            model.Metadata[VariantChoice.Prefix + name] = value;
        }

        return model.ToBytes();
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
        if (settings.Variant == GraphVariant.Int8)
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
        terminal.Result(Text($"One input: {own:F1} ms, float32 {before:F1} ms, {result.Speedup:F2} times the speed"));
        terminal.Result(Text($"File: {new FileInfo(result.File).Length:N0} bytes, float32 {new FileInfo(graph).Length:N0}"));
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
