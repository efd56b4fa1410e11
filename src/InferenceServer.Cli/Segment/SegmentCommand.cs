using System.CommandLine;
using InferenceServer.Cli.Hosting;
using InferenceServer.Client;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Formats;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Parameters;
using InferenceServer.Runtime.Passes;
using Microsoft.Extensions.DependencyInjection;

namespace InferenceServer.Cli.Segment;

/// <summary><c>segment</c>: writes the masks of images, without a server or with one.</summary>
internal static class SegmentCommand
{
    public static Command Create()
    {
        Argument<string[]> images = new("images")
        {
            Description = "Image files, or folders of them.", HelpName = "IMAGE", Arity = ArgumentArity.OneOrMore,
        };
        Option<string> model = new("--model") { Description = "The model's name.", HelpName = "NAME", Required = true };
        Option<string> folder = new("--out")
        {
            Description = "The folder for the masks; created where it does not exist.",
            HelpName = "DIR",
            Required = true,
        };
        Option<string?> server = new("--server")
        {
            Description = "A server that segments the images, instead of a local model.", HelpName = "URL",
        };
        Option<string?> key = new("--key")
        {
            Description =
                "The key, where the server needs one. Default: the environment variable INFERENCE_SERVER_KEY.",
            HelpName = "KEY",
        };
        Command command = new("segment", "Write the masks of images.") { images, model, folder, server, key };
        ParameterOptions options = ParameterOptions.AddTo(
            command, ParameterGroup.Format, ParameterGroup.Passes, ParameterGroup.Refinement);
        RuntimeOptions runtime = RuntimeOptions.AddTo(command);
        runtime.ExcludeWith(server, command);
        command.SetAction(async (parsed, ct) =>
        {
            string name = parsed.GetRequiredValue(model), target = parsed.GetRequiredValue(folder);
            SegmentSettings settings = options.Read(parsed);
            IReadOnlyList<SegmentJob> jobs = SegmentJob.Plan(
                ImageFiles.Expand(parsed.GetRequiredValue(images)), target, settings.Format);
            if (parsed.GetValue(server) is not { } url)
            {
                using ServiceProvider services = runtime.Build(parsed);
                return await SegmentAsync(jobs, target, Local(services, name, settings, ct), parsed, ct).ConfigureAwait(
                    false);
            }

            using InferenceClient client = Connect(url, parsed.GetValue(key));
            SegmentQuery query = new()
            {
                Model = name,
                Format = settings.Format.Name,
                Parameters = options.Texts(parsed).Where(p => p.Key != "format").ToDictionary(),
            };
            return await SegmentAsync(jobs, target, new ServerMasks(client, query), parsed, ct).ConfigureAwait(false);
        });
        return command;
    }

    private static LocalMasks Local(
        ServiceProvider services, string model, SegmentSettings settings, CancellationToken cancellationToken)
    {
        LoadedModel loaded = services.GetRequiredService<ModelRepository>().Load(model, cancellationToken);
        if ((settings.NeedsConfidence || settings.Format.NeedsProbabilities) && !loaded.Postprocessor.HasScores)
        {
            throw new CommandException(
                $"--format {settings.Format}: expected a model with scores, but the graph of '{model}' returns labels. "
                + "Choose another format.");
        }

        return new LocalMasks(services.GetRequiredService<ISegmenter>(), model, settings);
    }

    private static InferenceClient Connect(string url, string? key)
    {
        if (!Uri.TryCreate(url, UriKind.Absolute, out Uri? server) || server.Scheme is not ("http" or "https"))
        {
            throw new UsageException($"--server: expected a URL such as http://localhost:8080, got '{url}'.");
        }

        try
        {
            key ??= Environment.GetEnvironmentVariable("INFERENCE_SERVER_KEY");
            return new InferenceClient(server, new InferenceClientOptions { Key = key });
        }
        catch (ArgumentException)
        {
            throw new UsageException(
                "--key or INFERENCE_SERVER_KEY: "
                + "expected a key of printable ASCII characters, got another character, such as a line break.");
        }
    }

    private static async Task<int> SegmentAsync(
        IReadOnlyList<SegmentJob> jobs, string folder, IMaskSource masks, ParseResult parsed,
        CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(folder);
        int failures = await new SegmentBatch(masks, Terminal.For(parsed)).RunAsync(jobs, cancellationToken)
            .ConfigureAwait(false);
        if (failures == 0)
        {
            return 0;
        }

        return 1;
    }
}
