using System.ComponentModel.DataAnnotations;

namespace InferenceServer.Jobs;

/// <summary>Long work that nobody waits for on a connection; section <c>Jobs</c>.</summary>
public sealed class JobOptions
{
    /// <summary>The folder that keeps jobs, which survive a restart there. Default none: there are no jobs.</summary>
    public string Path { get; set; } = "";

    /// <summary>Most jobs that are kept, finished ones included. Default 100.</summary>
    [Range(1, 100_000)]
    public int MaxJobs { get; set; } = 100;

    /// <summary>How long a finished job is kept, from a minute to a year. Default a day.</summary>
    [Range(typeof(TimeSpan), "00:01:00", "365.00:00:00")]
    public TimeSpan KeepFor { get; set; } = TimeSpan.FromDays(1);
}
