using System.ComponentModel.DataAnnotations;
using InferenceServer.Bulk;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Configuration;
using Microsoft.Extensions.Options;

namespace InferenceServer.Jobs;

/// <summary>Jobs, whose masks are fetched later; section <c>Jobs</c>.</summary>
public sealed class JobOptions
{
    /// <summary>The folder that stores jobs. Jobs survive a restart; each server needs its own folder. Default none:
    /// the server keeps no jobs.</summary>
    public string Path { get; set; } = "";

    /// <summary>Most jobs that are kept, with finished jobs. Another upload gets 429. Default 100.</summary>
    [Range(1, 100_000)]
    public int MaxJobs { get; set; } = 100;

    /// <summary>Most bytes of the uploads and answers of all jobs; at least <c>Bulk:MaxBytes</c>. Default 10
    /// GiB.</summary>
    [Range(1L << 10, 1L << 50)]
    public long MaxBytes { get; set; } = 10L << 30;

    /// <summary>Time for which a finished job is kept. Default a day.</summary>
    [Range(typeof(TimeSpan), "00:01:00", "365.00:00:00")]
    public TimeSpan KeepFor { get; set; } = TimeSpan.FromDays(1);
}

[OptionsValidator]
internal sealed partial class JobOptionsValidator : IValidateOptions<JobOptions>;

/// <summary>Checks that the folder has room for one upload.</summary>
internal sealed class JobConsistency(IOptions<BulkOptions> bulk) : IValidateOptions<JobOptions>
{
    public ValidateOptionsResult Validate(string? name, JobOptions options)
    {
        if (options.MaxBytes >= bulk.Value.MaxBytes)
        {
            return ValidateOptionsResult.Success;
        }

        return ValidateOptionsResult.Fail(
            $"Jobs:MaxBytes: expected at least Bulk:MaxBytes ({bulk.Value.MaxBytes}), got {options.MaxBytes}.");
    }
}

/// <summary>Registers the services for jobs.</summary>
internal static class JobSetup
{
    public static void AddJobs(this IServiceCollection services)
    {
        services.AddSection("Jobs", new JobOptionsValidator());
        services.AddSingleton<IValidateOptions<JobOptions>, JobConsistency>();
        services.AddSingleton<JobFolder>();
        services.AddSingleton<JobStore>();
        services.AddHostedService<JobWorker>();
    }
}
