using System.CommandLine;
using System.Globalization;
using InferenceServer.Cli.Hosting;
using InferenceServer.Runtime.Pulling;
using InferenceServer.Runtime.Storage;
using Microsoft.Extensions.Options;

namespace InferenceServer.Cli.Pull;

/// <summary><c>pull</c>: pulls models once, into a server's cache or a folder.</summary>
internal static class PullCommand
{
    private const int UsualVersions = 2; // what a server pulls that serves the newest
    private const int MostVersions = 10_000;
    private static readonly TimeSpan Settle = TimeSpan.FromSeconds(1);

    public static Command Create()
    {
        Argument<string> source = new("source")
        {
            Description = "Where the models are: s3://bucket/prefix or hf://owner/name[@revision].",
            HelpName = "SOURCE",
        };
        Option<string?> to = new("--to")
        {
            Description = "Write the models into this folder, one folder for each model. Downloads are kept in DIR/.cache.",
            HelpName = "DIR",
        };
        Option<string?> cache = new("--cache")
        {
            Description = $"The server's cache (Models:Cache). [default: {ModelPlace.DefaultCache}]",
            HelpName = "DIR",
        };
        Option<int> versions = NumberOption.Create(
            "--versions", "How many versions of each model are pulled, the newest first.", UsualVersions, 1, MostVersions);
        source.Validators.Add(result =>
        {
            if (!ModelPlace.TryParse(result.GetValueOrDefault<string>(), out _, out string? problem))
            {
                result.AddError($"SOURCE: {problem}");
            }
        });
        Command command = new("pull", "Pull models from an object store or the Hugging Face Hub.") { source, to, cache, versions };
        command.SetAction((parsed, cancellationToken) => RunAsync(
            Terminal.For(parsed), parsed.GetRequiredValue(source), parsed.GetValue(to), parsed.GetValue(cache),
            parsed.GetValue(versions), cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(
        Terminal terminal, string source, string? to, string? cacheFolder, int versions, CancellationToken cancellationToken)
    {
        // The endpoint and the region are found in the environment, as the credentials are.
        using ObjectStores stores = new(Options.Create(new S3Options()));
        IRemoteModels remote = RemotePlace.Open(source, stores);
        string folder = to is null ? ModelPlace.DefaultCache : Path.Combine(to, ".cache");
        ModelCache cache = new(cacheFolder ?? folder, TimeProvider.System);
        ModelPuller puller = new(remote, cache, versions, Settle, TimeProvider.System);
        PullResult result = await puller.PullAsync(cache.ReadIndex(remote)?.Models ?? [], cancellationToken).ConfigureAwait(false);
        if (result.Failures.Count > 0)
        {
            throw new CommandException(string.Join(Environment.NewLine, result.Failures.Values));
        }

        if (result.Models.Count == 0)
        {
            throw new CommandException(
                $"{remote.Place.Text} has no model: expected name/model.json and name/1/model.onnx; check the prefix.");
        }

        cache.WriteIndex(remote, new CacheIndex(remote.Place.Text, DateTimeOffset.UtcNow, result.Commit, result.Models));
        foreach (CachedModel model in result.Models)
        {
            string place = to is null ? cache.FolderOf(model) : Write(cache, model, to);
            terminal.Result($"{model.Name}: {model.Files.Count} files, {Size(model.Files.Sum(file => file.Length))}, in {place}");
        }

        (long files, long bytes) = cache.Count.New;
        long present = result.Models.Sum(model => model.Files.Count) - files;
        terminal.Note($"Downloaded {files} files with {Size(bytes)}; {present} files were there.");
        return 0;
    }

    // The new folder is whole before the old one goes.
    private static string Write(ModelCache cache, CachedModel model, string to)
    {
        string target = Path.Combine(Path.GetFullPath(to), model.Name);
        string building = Path.Combine(Path.GetFullPath(to), ObjectKey.TemporaryName());
        cache.Write(model, building);
        string old = building + ".old";
        if (Directory.Exists(target))
        {
            Directory.Move(target, old);
        }

        Directory.Move(building, target);
        if (Directory.Exists(old))
        {
            Directory.Delete(old, recursive: true);
        }

        return target;
    }

    private static string Size(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e6:0.0} MB");
}
