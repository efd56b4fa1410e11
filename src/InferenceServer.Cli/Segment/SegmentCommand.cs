using System.CommandLine;
using InferenceServer.Cli.Hosting;
using InferenceServer.Client;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Formats;
using InferenceServer.Runtime.Passes;
using InferenceServer.Runtime.Models;
using Microsoft.Extensions.DependencyInjection;

namespace InferenceServer.Cli.Segment;

/// <summary><c>segment</c>: masks of images, without a server or from one.</summary>
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
        Option<string?> server = new("--server") { Description = "A server to ask, instead of running the model here.", HelpName = "URL" };
        Option<string?> key = new("--key") { Description = "The key, where the server asks for one; else INFERENCE_SERVER_KEY of the environment.", HelpName = "KEY" };
        Command command = new("segment", "Write the masks of images.") { images, model, folder, format, alpha, uncompressed, tolerance, server, key };
        PassFlags passes = PassFlags.AddTo(command);
        RefinementOptions refinement = RefinementOptions.AddTo(command);
        RuntimeOptions runtime = RuntimeOptions.AddTo(command);
        runtime.ExcludeWith(server, command);
        command.SetAction(async (parsed, ct) =>
        {
            string name = parsed.GetRequiredValue(model), target = parsed.GetRequiredValue(folder);
            EncodingParameters parameters = new(parsed.GetValue(format), parsed.GetValue(alpha)) { Uncompressed = parsed.GetValue(uncompressed), Tolerance = parsed.GetValue(tolerance) };
            IReadOnlyList<SegmentJob> jobs = SegmentJob.Plan(ImageFiles.Expand(parsed.GetRequiredValue(images)), target, parameters.Format);
            if (parsed.GetValue(server) is not { } url)
            {
                using ServiceProvider services = runtime.Build(parsed);
                return await SegmentAsync(jobs, target, Local(services, name, parameters, passes.Read(parsed), refinement.Read(parsed), ct), parsed, ct).ConfigureAwait(false);
            }

            using InferenceClient client = Connect(url, parsed.GetValue(key));
            return await SegmentAsync(jobs, target, new ServerMasks(client, ServerMasks.Query(name, parameters, passes.Read(parsed), refinement.Read(parsed))), parsed, ct).ConfigureAwait(false);
        });
        return command;
    }

    private static LocalMasks Local(
        ServiceProvider services, string model, EncodingParameters parameters, PassOverrides inference, Refinement refinement, CancellationToken cancellationToken)
    {
        LoadedModel loaded = services.GetRequiredService<ModelRepository>().Load(model, cancellationToken);
        return (parameters.NeedsConfidence || parameters.NeedsProbabilities) && !loaded.Postprocessor.HasScores
            ? throw new CommandException($"The graph of '{model}' ends in labels, so it has no confidence to tell.")
            : new LocalMasks(services.GetRequiredService<Segmenter>(), loaded.Name, parameters, inference, refinement);
    }

    private static InferenceClient Connect(string url, string? key)
    {
        if (!Uri.TryCreate(url, UriKind.Absolute, out Uri? server) || server.Scheme is not ("http" or "https"))
        {
            throw new CommandException($"--server: '{url}' is no URL such as http://localhost:8080.");
        }

        try
        {
            return new InferenceClient(server, new InferenceClientOptions { Key = key ?? Environment.GetEnvironmentVariable("INFERENCE_SERVER_KEY") });
        }
        catch (ArgumentException)
        {
            throw new CommandException("The key, of --key or of INFERENCE_SERVER_KEY, has a character that no header carries, such as a line break in its middle.");
        }
    }

    private static async Task<int> SegmentAsync(IReadOnlyList<SegmentJob> jobs, string folder, IMaskSource masks, ParseResult parsed, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(folder);
        return await new SegmentBatch(masks, Terminal.For(parsed)).RunAsync(jobs, cancellationToken).ConfigureAwait(false) == 0 ? 0 : 1;
    }
}
