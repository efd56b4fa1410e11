using System.CommandLine;
using InferenceServer.Cli.Hosting;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Encoding;
using InferenceServer.Runtime.Inference;
using InferenceServer.Runtime.Models;
using Microsoft.Extensions.DependencyInjection;

namespace InferenceServer.Cli.Segment;

/// <summary><c>segment</c>: masks of images, without a server.</summary>
internal static class SegmentCommand
{
    public static Command Create()
    {
        Argument<string[]> images = new("images") { Description = "Image files, or folders of them.", HelpName = "IMAGE", Arity = ArgumentArity.OneOrMore };
        Option<string> model = new("--model") { Description = "The model's name.", HelpName = "NAME", Required = true };
        Option<string> folder = new("--out") { Description = "The folder for the masks; made if need be.", HelpName = "DIR", Required = true };
        Option<float> alpha = NumberOption.Create("--alpha", "Opacity of the colours in an overlay, 0 to 1.", usual: 0.5f, least: 0, most: 1);
        Option<MaskFormat> format = ChoiceOption.Create(
            "--format", "What to write for each image.", [.. MaskFormats.All.Select(f => (f.Word, f.Format))]);
        Option<bool> uncompressed = new("--uncompressed") { Description = "Write the runs of coco-rle as numbers." };
        Option<double> tolerance = NumberOption.Create("--tolerance", "Pixels that the lines of polygons and geojson may stray from the mask.", usual: 0d, least: 0, most: 1000);
        Command command = new("segment", "Write the masks of images.") { images, model, folder, format, alpha, uncompressed, tolerance };
        PassOptions passes = PassOptions.AddTo(command);
        RefinementOptions refinement = RefinementOptions.AddTo(command);
        RuntimeOptions runtime = RuntimeOptions.AddTo(command);
        command.SetAction((parsed, ct) => SegmentAsync(
            parsed, runtime, parsed.GetRequiredValue(images), parsed.GetRequiredValue(model), parsed.GetRequiredValue(folder),
            new EncodingParameters(parsed.GetValue(format), parsed.GetValue(alpha)) { Uncompressed = parsed.GetValue(uncompressed), Tolerance = parsed.GetValue(tolerance) }, passes.Read(parsed), refinement.Read(parsed), ct));
        return command;
    }

    private static async Task<int> SegmentAsync(
        ParseResult parsed, RuntimeOptions runtime, string[] images, string model, string folder, EncodingParameters parameters,
        InferenceOverrides inference, Refinement refinement, CancellationToken cancellationToken)
    {
        IReadOnlyList<SegmentJob> jobs = SegmentJob.Plan(ImageFiles.Expand(images), folder, parameters.Format);
        using ServiceProvider services = runtime.Build(parsed);
        LoadedModel loaded = services.GetRequiredService<ModelRepository>().Load(model, cancellationToken);
        if ((parameters.NeedsConfidence || parameters.NeedsProbabilities) && !loaded.Postprocessor.HasScores)
        {
            throw new CommandException($"The graph of '{model}' ends in labels, so it has no confidence to tell.");
        }

        Directory.CreateDirectory(folder);
        Terminal terminal = Terminal.For(parsed);
        SegmentBatch batch = new(services.GetRequiredService<Segmenter>(), loaded.Name, parameters, inference, refinement, terminal);
        return await batch.RunAsync(jobs, cancellationToken).ConfigureAwait(false) == 0 ? 0 : 1;
    }
}
