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

/// <summary><c>tune-crf</c>: the CRF's parameters that suit a model best, found on labelled images.</summary>
internal static class TuneCrfCommand
{
    public static Command Create()
    {
        Option<string> model = new("--model") { Description = "The model's name.", HelpName = "NAME", Required = true };
        Option<string> images = new("--images") { Description = "The folder of images; not those that the model is going to be judged by.", HelpName = "DIR", Required = true };
        Option<string> labels = new("--labels") { Description = "The folder of label maps, as for evaluate.", HelpName = "DIR", Required = true };
        Option<int> sample = NumberOption.Create("--sample", "Images to take, spread evenly; 0 takes all.", usual: 100, least: 0, most: int.MaxValue);
        Option<byte> ignore = NumberOption.Create<byte>("--ignore", "The label of pixels that do not count.", usual: 255, least: 0, most: 255);
        Option<bool> dryRun = new("--dry-run") { Description = "Leave the manifest as it is." };
        Command command = new(
            "tune-crf", "Search the CRF's parameters on labelled images, from coarse to fine, and write the best into the model's manifest. A parameter that is given keeps its value.")
        {
            model, images, labels, sample, ignore, dryRun,
        };
        ParameterOptions held = ParameterOptions.AddCrfTo(command);
        RuntimeOptions runtime = RuntimeOptions.AddTo(command);
        command.SetAction((parsed, ct) => TuneAsync(
            parsed, runtime, parsed.GetRequiredValue(model),
            Spread(LabelPair.Find(parsed.GetRequiredValue(images), parsed.GetRequiredValue(labels)), parsed.GetValue(sample)),
            parsed.GetValue(ignore), parsed.GetValue(dryRun), held.Read(parsed).Crf, ct));
        return command;
    }

    private static async Task TuneAsync(
        ParseResult parsed, RuntimeOptions runtime, string model, IReadOnlyList<LabelPair> pairs, byte ignore, bool dryRun, CrfOverrides held, CancellationToken cancellationToken)
    {
        using ServiceProvider services = runtime.Build(parsed, static options =>
        {
            options.Crf.Threads = 1;
            options.Crf.Concurrency = Math.Min(Environment.ProcessorCount, CrfInference.MaxThreads);
        });
        LoadedModel loaded = services.GetRequiredService<ModelRepository>().Load(model, cancellationToken);
        CrfManifest? manifest = loaded.Manifest.Postprocess.Crf;
        CrfSettings start = services.GetRequiredService<CrfRefiner>().Resolve(manifest, held);
        string file = Path.Combine(services.GetRequiredService<IOptions<ModelRepositoryOptions>>().Value.Path, loaded.Name, ManifestReader.FileName);
        if (!dryRun && !File.Exists(file))
        {
            throw new CommandException($"There is no '{file}' to write to: the manifest lies in the graph. See the parameters with --dry-run.");
        }

        Terminal terminal = Terminal.For(parsed);
        using TuningSet set = new(services.GetRequiredService<Segmenter>(), loaded, ignore);
        CrfTuner tuner = new(set, terminal, services.GetRequiredService<IOptions<CrfOptions>>().Value.MaxIterations);
        CrfScore best = await tuner.RunAsync(pairs, start, held, cancellationToken).ConfigureAwait(false);
        if (best.MeanIou <= tuner.Before)
        {
            terminal.Note("No setting is better than the network alone; the manifest stays as it is.");
        }
        else if (!dryRun)
        {
            CrfManifest tuned = Manifest(CrfSettings.Create(manifest, best.Setting), manifest?.Default ?? false);
            await WriteAsync(file, tuned, cancellationToken).ConfigureAwait(false);
            terminal.Result($"{file}: {CrfSettings.Create(tuned, new CrfOverrides())}");
        }
    }

    private static IReadOnlyList<LabelPair> Spread(IReadOnlyList<LabelPair> pairs, int sample) =>
        sample == 0 || sample >= pairs.Count ? pairs : [.. Enumerable.Range(0, sample).Select(i => pairs[(int)((long)i * pairs.Count / sample)])];

    private static CrfManifest Manifest(CrfSettings settings, bool byDefault) =>
        new() { Default = byDefault, Iterations = settings.Iterations, Gaussian = settings.Gaussian, Bilateral = settings.Bilateral };

    /// <summary>Replaces the section in one step, so that a server that watches the file never reads half of it.</summary>
    private static async Task WriteAsync(string file, CrfManifest crf, CancellationToken cancellationToken)
    {
        string text = CrfSection.Replace(await File.ReadAllTextAsync(file, cancellationToken).ConfigureAwait(false), crf);
        await WholeFile.WriteAsync(file, Encoding.UTF8.GetBytes(text), cancellationToken).ConfigureAwait(false);
    }
}
