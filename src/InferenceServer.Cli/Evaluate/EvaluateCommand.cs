using System.CommandLine;
using InferenceServer.Cli.Hosting;
using InferenceServer.Kernels.Metrics;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Parameters;
using InferenceServer.Runtime.Passes;
using InferenceServer.Runtime.Refinement;
using Microsoft.Extensions.DependencyInjection;

namespace InferenceServer.Cli.Evaluate;

/// <summary><c>evaluate</c>: measures the accuracy of a model on labelled images.</summary>
internal static class EvaluateCommand
{
    public static Command Create()
    {
        Option<string> model = new("--model") { Description = "The model's name.", HelpName = "NAME", Required = true };
        Option<string> images = new("--images")
        {
            Description = "The folder of images.", HelpName = "DIR", Required = true,
        };
        Option<string> labels = new("--labels")
        {
            Description =
                "The folder of label maps: PNGs with the base names of the images, 8-bit grey or indexed, whose values "
                + "are class indices.",
            HelpName = "DIR",
            Required = true,
        };
        Option<byte> ignore = NumberOption.Create<byte>(
            "--ignore", "The void label: pixels with this label do not count.", usual: 255, least: 0, most: 255);
        Option<AbsentClassRule> absent = ChoiceOption.Create(
            "--absent",
        "Whether a class that is in no truth and no prediction is left out of the means, or counts as 0.",
            ("leave-out", AbsentClassRule.LeaveOut), ("zero", AbsentClassRule.CountAsZero));
        Option<bool> calibration = new("--calibration")
        {
            Description = "Also measure how well probabilities tell how often labels are right, and the best postprocess.temperature.",
        };
        Option<string?> json = new("--json")
        {
            Description = "Write all numbers and the confusion matrix to a file.", HelpName = "FILE",
        };
        Option<string?> plot = new("--trimap-plot")
        {
            Description = "Draw the mean IoU within 1 to 20 pixels of true boundaries, before and after refinement.",
            HelpName = "FILE.svg",
        };
        Command command = new(
            "evaluate",
            "Measure accuracy and IoU of a model with one confusion matrix over all images; "
            + "with --refine crf before and after refinement.")
        {
            model, images, labels, ignore, absent, calibration, json, plot,
        };
        ParameterOptions options = ParameterOptions.AddTo(command, ParameterGroup.Passes, ParameterGroup.Refinement);
        RuntimeOptions runtime = RuntimeOptions.AddTo(command);
        command.SetAction((parsed, ct) => EvaluateAsync(
            parsed, runtime, parsed.GetRequiredValue(model),
            LabelPair.Find(parsed.GetRequiredValue(images), parsed.GetRequiredValue(labels)),
            parsed.GetValue(ignore), parsed.GetValue(absent), parsed.GetValue(calibration), new EvaluationFiles(
                parsed.GetValue(json), parsed.GetValue(plot)),
            options.Read(parsed), ct));
        return command;
    }

    private static async Task EvaluateAsync(
        ParseResult parsed, RuntimeOptions runtime, string model, IReadOnlyList<LabelPair> pairs,
        byte ignore, AbsentClassRule absent, bool calibrates, EvaluationFiles files, SegmentSettings settings,
        CancellationToken cancellationToken)
    {
        using ServiceProvider services = runtime.Build(parsed);
        LoadedModel loaded = services.GetRequiredService<ModelRepository>().Load(model, cancellationToken);
        Evaluator.Check(loaded);
        Evaluator evaluator = new(services.GetRequiredService<Segmenter>(), loaded, ignore, settings, calibrates);
        Terminal terminal = Terminal.For(parsed);
        await terminal.TrackAsync("Evaluating", pairs.Count, async advance =>
        {
            foreach (LabelPair pair in pairs)
            {
                await evaluator.AddAsync(pair, cancellationToken).ConfigureAwait(false);
                advance();
            }
        }).ConfigureAwait(false);

        evaluator.Unknown.Print(terminal);
        EvaluationReport plain = Describe(evaluator.Plain);
        EvaluationReport report = evaluator.Refined is not { } refined ? plain : Describe(refined) with
        {
            Crf = CrfSettings.Create(loaded.Manifest.Postprocess.Crf, settings.Crf),
            Unrefined = plain,
        };
        report = report with { Calibration = evaluator.Calibration?.Score(loaded.Manifest.Postprocess.Temperature) };
        EvaluationTable.Write(report, terminal.Out);
        await files.WriteAsync(report, cancellationToken).ConfigureAwait(false);

        EvaluationReport Describe(Tally tally) => EvaluationReport.Create(tally, loaded.Classes.Names, absent) with
        {
            Model = loaded.Name,
            Version = loaded.Version,
            Images = pairs.Count,
            Ignore = ignore,
            Passes = PassSettings.Create(loaded.Manifest, settings.Passes).ToString(),
        };
    }
}
