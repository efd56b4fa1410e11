using System.CommandLine;
using System.Net;
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
    private const int Retries = 10; // with Retry-After or growing waits: longer than a server takes to restart
    private const int MostHere = 8; // each holds an image and its scores in memory

    public static Command Create()
    {
        Argument<string[]> images = new("images")
        {
            Description = "Image files, or folders of them; - is the standard input.", HelpName = "IMAGE", Arity = ArgumentArity.OneOrMore,
        };
        Option<string> model = new("--model") { Description = "The model's name.", HelpName = "NAME", Required = true };
        Option<string?> folder = new("--out")
        {
            Description =
                "The folder for the masks; created where it does not exist. - is the standard output, for one image; "
                + "default for the image -.",
            HelpName = "DIR",
        };
        Option<bool> recursive = new("--recursive")
        {
            Description = "Search folders in folders, too; their masks are in the same folders below --out.",
        };
        Option<bool> resume = new("--resume") { Description = "Skip images whose masks exist already." };
        Option<int> concurrency = NumberOption.Create(
            "--concurrency",
            $"Images worked on at a time; 0: as many as the server takes, or here, one for each processor, at most {MostHere}.",
            usual: 0, least: 0, most: 1024);
        ServerOptions server = new("A server that segments the images, instead of a local model.");
        Command command = new("segment", "Write the masks of images.")
        {
            images, model, folder, recursive, resume, concurrency, server.Url, server.Key,
        };
        ParameterOptions options = ParameterOptions.AddTo(
            command, ParameterGroup.Format, ParameterGroup.Passes, ParameterGroup.Refinement);
        RuntimeOptions runtime = RuntimeOptions.AddTo(command);
        runtime.ExcludeWith(server.Url, command);
        command.SetAction(async (parsed, ct) =>
        {
            string name = parsed.GetRequiredValue(model);
            SegmentSettings settings = options.Read(parsed);
            IReadOnlyList<SegmentJob> jobs = SegmentJob.Plan(
                parsed.GetRequiredValue(images), parsed.GetValue(recursive), parsed.GetValue(folder), settings.Format);
            Terminal terminal = Terminal.For(parsed);
            if (parsed.GetValue(resume))
            {
                jobs = Remaining(jobs, terminal);
            }

            int many = parsed.GetValue(concurrency);
            if (!server.IsGiven(parsed))
            {
                using ServiceProvider services = runtime.Build(parsed);
                Pace here = Pace.Fixed(many > 0 ? many : Math.Min(Environment.ProcessorCount, MostHere));
                return await SegmentAsync(jobs, Local(services, name, settings, ct), here, terminal, ct).ConfigureAwait(false);
            }

            Pace pace = many > 0 ? Pace.Fixed(many) : Pace.Following();
            using InferenceClient client = server.Connect(parsed, Retries, Note);
            SegmentQuery query = new()
            {
                Model = name,
                Format = settings.Format.Name,
                Parameters = options.Texts(parsed).Where(p => p.Key != "format").ToDictionary(),
            };
            return await SegmentAsync(jobs, new ServerMasks(client, query), pace, terminal, ct).ConfigureAwait(false);

            void Note(HttpStatusCode status)
            {
                if (status == HttpStatusCode.TooManyRequests)
                {
                    pace.Refused();
                }
            }
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

    private static SegmentJob[] Remaining(IReadOnlyList<SegmentJob> jobs, Terminal terminal)
    {
        SegmentJob[] remaining = [.. jobs.Where(job => job.Output == SegmentJob.Standard || !File.Exists(job.Output))];
        if (remaining.Length < jobs.Count)
        {
            terminal.Note($"{jobs.Count - remaining.Length} of {jobs.Count} images have a mask already.");
        }

        return remaining;
    }

    private static async Task<int> SegmentAsync(
        IReadOnlyList<SegmentJob> jobs, IMaskSource masks, Pace pace, Terminal terminal, CancellationToken cancellationToken)
    {
        int failures = await new SegmentBatch(masks, pace, terminal).RunAsync(jobs, cancellationToken).ConfigureAwait(false);
        if (failures == 0)
        {
            return 0;
        }

        return 1;
    }
}
