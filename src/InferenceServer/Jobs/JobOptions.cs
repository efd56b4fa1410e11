using System.ComponentModel.DataAnnotations;
using InferenceServer.Bulk;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Configuration;
using Microsoft.Extensions.Options;

namespace InferenceServer.Jobs;

/// <summary>Long work that nobody waits for on a connection; section <c>Jobs</c>.</summary>
public sealed class JobOptions
{
    /// <summary>The folder that keeps jobs, which survive a restart there; one server works on it. Default none: there are no jobs.</summary>
    public string Path { get; set; } = "";

    /// <summary>Most jobs that are kept, finished ones included. Default 100.</summary>
    [Range(1, 100_000)]
    public int MaxJobs { get; set; } = 100;

    /// <summary>Most bytes of all jobs, their uploads and their answers, up to a petabyte; at least <c>Bulk:MaxBytes</c>. Default 10 GiB.</summary>
    [Range(1L << 10, 1L << 50)]
    public long MaxBytes { get; set; } = 10L << 30;

    /// <summary>How long a finished job is kept, from a minute to a year. Default a day.</summary>
    [Range(typeof(TimeSpan), "00:01:00", "365.00:00:00")]
    public TimeSpan KeepFor { get; set; } = TimeSpan.FromDays(1);
}

[OptionsValidator]
internal sealed partial class JobOptionsValidator : IValidateOptions<JobOptions>;

/// <summary>A folder that is too small for one upload would take no job.</summary>
internal sealed class JobConsistency(IOptions<BulkOptions> bulk) : IValidateOptions<JobOptions>
{
    public ValidateOptionsResult Validate(string? name, JobOptions options) => options.MaxBytes >= bulk.Value.MaxBytes
        ? ValidateOptionsResult.Success
        : ValidateOptionsResult.Fail($"Jobs:MaxBytes: expected at least Bulk:MaxBytes ({bulk.Value.MaxBytes}), got {options.MaxBytes}.");
}

/// <summary>Wires the jobs.</summary>
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
