using System.CommandLine;
using System.Text;
using DenseCrf;
using InferenceServer.Cli.Evaluate;
using InferenceServer.Cli.Hosting;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Refinement;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace InferenceServer.Cli.TuneCrf;

/// <summary><c>tune-crf</c>: searches the CRF's best parameters for a model, on labelled images.</summary>
internal static class TuneCrfCommand
{
    public static Command Create()
    {
        Option<string> model = new("--model") { Description = "The model's name.", HelpName = "NAME", Required = true };
        Option<string> images = new("--images")
        {
            Description = "The folder of images. Do not use the images that the model will be evaluated on.",
            HelpName = "DIR",
            Required = true,
        };
        Option<string> labels = new("--labels")
        {
            Description = "The folder of label maps, as for evaluate.", HelpName = "DIR", Required = true,
        };
        Option<int> sample = NumberOption.Create(
            "--sample",
            "Number of images to use, spread evenly over the folder; "
            + "0 uses all.", usual: 100, least: 0, most: int.MaxValue);
        Option<byte> ignore = NumberOption.Create<byte>(
            "--ignore", "The void label: pixels with this label do not count.", usual: 255, least: 0, most: 255);
        Option<bool> dryRun = new("--dry-run") { Description = "Print the parameters without changing the manifest." };
        Command command = new(
            "tune-crf",
            "Search the CRF's best parameters on labelled images and write them into the model's manifest. "
            + "A parameter that you give keeps its value.")
        {
            model, images, labels, sample, ignore, dryRun,
        };
        ParameterOptions held = ParameterOptions.AddCrfTo(command);
        RuntimeOptions runtime = RuntimeOptions.AddTo(command);
        command.SetAction((parsed, ct) => TuneAsync(
            parsed, runtime, parsed.GetRequiredValue(model),
            Spread(
                LabelPair.Find(parsed.GetRequiredValue(images), parsed.GetRequiredValue(labels)),
                parsed.GetValue(sample)),
            parsed.GetValue(ignore), parsed.GetValue(dryRun), held.Read(parsed).Crf, ct));
        return command;
    }

    private static async Task TuneAsync(
        ParseResult parsed, RuntimeOptions runtime, string model, IReadOnlyList<LabelPair> pairs, byte ignore,
        bool dryRun, CrfOverrides held, CancellationToken cancellationToken)
    {
        using ServiceProvider services = runtime.Build(parsed, static options =>
        {
            options.Crf.Threads = 1;
            options.Crf.Concurrency = Math.Min(Environment.ProcessorCount, CrfInference.MaxThreads);
        });
        LoadedModel loaded = services.GetRequiredService<ModelRepository>().Load(model, cancellationToken);
        Evaluator.Check(loaded);
        CrfManifest? manifest = loaded.Manifest.Postprocess.Crf;
        CrfSettings start = services.GetRequiredService<CrfRefiner>().Resolve(manifest, held);
        string file = Path.Combine(
            services.GetRequiredService<IOptions<ModelRepositoryOptions>>().Value.Path, loaded.Name,
            ManifestReader.FileName);
        if (!dryRun && !File.Exists(file))
        {
            throw new CommandException(
                $"Expected a manifest '{file}', found none: the manifest is inside the graph. "
                + "Print the parameters with --dry-run.");
        }

        Terminal terminal = Terminal.For(parsed);
        using TuningSet set = new(services.GetRequiredService<Segmenter>(), loaded, ignore);
        CrfTuner tuner = new(set, terminal, services.GetRequiredService<IOptions<CrfOptions>>().Value.MaxIterations);
        CrfScore best = await tuner.RunAsync(pairs, start, held, cancellationToken).ConfigureAwait(false);
        if (best.MeanIou <= tuner.Before)
        {
            terminal.Note("No setting is better than no refinement; the manifest is not changed.");
        }
        else if (!dryRun)
        {
            CrfManifest tuned = Manifest(CrfSettings.Create(manifest, best.Setting), manifest?.Default ?? false);
            await WriteAsync(file, tuned, cancellationToken).ConfigureAwait(false);
            terminal.Result($"{file}: {CrfSettings.Create(tuned, new CrfOverrides())}");
        }
    }

    private static IReadOnlyList<LabelPair> Spread(IReadOnlyList<LabelPair> pairs, int sample)
    {
        if (sample == 0 || sample >= pairs.Count)
        {
            return pairs;
        }

        return [.. Enumerable.Range(0, sample).Select(i => pairs[(int)((long)i * pairs.Count / sample)])];
    }

    private static CrfManifest Manifest(CrfSettings settings, bool byDefault) =>
        new() { Default = byDefault, Iterations = settings.Iterations, Gaussian = settings.Gaussian, Bilateral = settings.Bilateral };

    /// <summary>Replaces the file atomically, because a server may watch the file.</summary>
    private static async Task WriteAsync(string file, CrfManifest crf, CancellationToken cancellationToken)
    {
        string text = CrfSection.Replace(
            await File.ReadAllTextAsync(file, cancellationToken).ConfigureAwait(false), crf);
        await WholeFile.WriteAsync(file, Encoding.UTF8.GetBytes(text), cancellationToken).ConfigureAwait(false);
    }
}
