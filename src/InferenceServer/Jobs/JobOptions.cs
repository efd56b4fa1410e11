using System.ComponentModel.DataAnnotations;
using InferenceServer.Bulk;
using InferenceServer.Fetching;
using InferenceServer.Runtime.Configuration;
using InferenceServer.Runtime.Storage;
using Microsoft.Extensions.Options;

namespace InferenceServer.Jobs;

/// <summary>Jobs, whose masks are fetched later or written to a store; section <c>Jobs</c>.</summary>
public sealed class JobOptions
{
    /// <summary>Who distributes the work: this server alone, or NATS JetStream between many servers. Default
    /// folder.</summary>
    [EnumDataType(typeof(JobEngine))]
    public JobEngine Engine { get; set; }

    /// <summary>Where records of jobs, uploaded images and masks without a target are kept: a folder, or with the engine
    /// <c>Nats</c> a folder that all servers have mounted, or <c>s3://bucket/prefix</c>. Jobs survive a restart. Default
    /// none: the server keeps no jobs.</summary>
    public string Path { get; set; } = "";

    /// <summary>Images of jobs in progress on this server at the same time. 0: the server accepts jobs and answers for them,
    /// and other servers do the work. Default 4.</summary>
    [Range(0, 1024)]
    public int Workers { get; set; } = 4;

    /// <summary>Places that jobs may read images from: <c>s3://bucket/prefix/</c> or the full path of a folder. <c>{key}</c> in
    /// a place is the name of the caller's key. Default none.</summary>
    public IList<string> Sources { get; } = [];

    /// <summary>Places that jobs may write masks to, in the same form. Default none.</summary>
    public IList<string> Targets { get; } = [];

    /// <summary>Hosts that are told when a job ends, in the form of <c>Fetch:Hosts</c>; they may have any address. Default
    /// none.</summary>
    public IList<string> WebhookHosts { get; } = [];

    /// <summary>The key of the signature of webhooks, HMAC-SHA256 of the body in the header <c>X-Signature</c>. Default
    /// none: no signature.</summary>
    public string WebhookSecret { get; set; } = "";

    /// <summary>Most jobs that are kept, with finished jobs. Another job gets 429. Default 100.</summary>
    [Range(1, 100_000)]
    public int MaxJobs { get; set; } = 100;

    /// <summary>Most images of a job with sources. Default 10 million.</summary>
    [Range(1, JobPlan.MostImages)]
    public int MaxImages { get; set; } = 10_000_000;

    /// <summary>Most bytes of the uploaded images and answers of all jobs; at least <c>Bulk:MaxBytes</c>. Default 10
    /// GiB.</summary>
    [Range(1L << 10, 1L << 50)]
    public long MaxBytes { get; set; } = 10L << 30;

    /// <summary>Time for which a finished job is kept. Default a day.</summary>
    [Range(typeof(TimeSpan), "00:01:00", "365.00:00:00")]
    public TimeSpan KeepFor { get; set; } = TimeSpan.FromDays(1);
}

/// <summary>Who distributes the work of jobs.</summary>
public enum JobEngine
{
    /// <summary>This server alone, in memory; the folder has the records.</summary>
    Folder,

    /// <summary>NATS JetStream: any server accepts a job, works on it and answers for it.</summary>
    Nats,
}

[OptionsValidator]
internal sealed partial class JobOptionsValidator : IValidateOptions<JobOptions>;

/// <summary>Checks that the options fit together.</summary>
internal sealed class JobConsistency(IOptions<BulkOptions> bulk) : IValidateOptions<JobOptions>
{
    public ValidateOptionsResult Validate(string? name, JobOptions options)
    {
        string[] failures = [.. Failures(options)];
        if (failures.Length == 0)
        {
            return ValidateOptionsResult.Success;
        }

        return ValidateOptionsResult.Fail(failures);
    }

    private IEnumerable<string> Failures(JobOptions options)
    {
        if (options.MaxBytes < bulk.Value.MaxBytes)
        {
            yield return $"Jobs:MaxBytes: expected at least Bulk:MaxBytes ({bulk.Value.MaxBytes}), got {options.MaxBytes}.";
        }

        if (options.Engine == JobEngine.Folder && StoreLocation.IsS3(options.Path))
        {
            yield return $"Jobs:Path: expected a folder for Jobs:Engine=Folder, got '{options.Path}'. "
                + "A bucket needs Jobs:Engine=Nats.";
        }

        if (options.Engine == JobEngine.Nats && options.Path.Length == 0)
        {
            yield return "Jobs:Path: expected s3://bucket/prefix or a folder that all servers have mounted, for "
                + "Jobs:Engine=Nats; got none.";
        }

        foreach ((string option, IList<string> places) in ((string, IList<string>)[])[
            ("Jobs:Sources", options.Sources), ("Jobs:Targets", options.Targets)])
        {
            foreach (string place in places)
            {
                if (!StoreLocation.TryParse(place.Replace("{key}", "key", StringComparison.Ordinal), out _, out string? problem))
                {
                    yield return $"{option}: {problem}";
                }
            }
        }

        if (options.Path.Length > 0 && !StoreLocation.TryParse(options.Path, out _, out string? wrong))
        {
            yield return $"Jobs:Path: {wrong}";
        }

        foreach (string host in options.WebhookHosts.Where(host => HostPattern.Parse(host) is null))
        {
            yield return $"Jobs:WebhookHosts: expected hosts such as example.org, *.example.org or example.org:8443, "
                + $"got '{host}'.";
        }
    }
}

/// <summary>Registers the services for jobs.</summary>
internal static class JobSetup
{
    public static void AddJobs(this IServiceCollection services)
    {
        services.AddSection("Jobs", new JobOptionsValidator());
        services.AddSingleton<IValidateOptions<JobOptions>, JobConsistency>();
        services.AddSection("Nats", new NatsOptionsValidator());
        services.AddSingleton(provider =>
        {
            string path = Options(provider).Path;
            StoreLocation place = StoreLocation.Parse(path.Length > 0 ? path : System.IO.Path.GetTempPath());
            return new JobRecords(provider.GetRequiredService<ObjectStores>().Open(place));
        });
        services.AddSingleton(provider => provider.GetRequiredService<IOptions<NatsOptions>>().Value.Connect());
        services.AddSingleton<IWorkQueue>(provider => Options(provider).Engine switch
        {
            JobEngine.Nats => ActivatorUtilities.CreateInstance<NatsWorkQueue>(provider),
            _ => ActivatorUtilities.CreateInstance<LocalWorkQueue>(provider),
        });
        services.AddSingleton<JobPlaces>();
        services.AddSingleton<JobPlanner>();
        services.AddSingleton<JobRegistry>();
        services.AddSingleton<ChunkRunner>();
        services.AddSingleton<JobFinisher>();
        services.AddSingleton<Webhook>();
        services.AddHostedService<JobUpkeep>();
        services.AddHostedService<JobWorker>();
    }

    private static JobOptions Options(IServiceProvider provider) =>
        provider.GetRequiredService<IOptions<JobOptions>>().Value;
}
