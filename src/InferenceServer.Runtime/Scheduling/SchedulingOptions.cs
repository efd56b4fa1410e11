using System.ComponentModel.DataAnnotations;

namespace InferenceServer.Runtime.Scheduling;

/// <summary>How much runs and waits at once; section <c>Scheduling</c>.</summary>
public sealed class SchedulingOptions
{
    /// <summary>Runs of one model at the same time. Default 1, since one run already uses all threads.</summary>
    [Range(1, 64)]
    public int Concurrency { get; set; } = 1;

    /// <summary>Requests in the server, waiting or running; one more is refused. Default 64.</summary>
    [Range(1, 100_000)]
    public int MaxRequests { get; set; } = 64;
}
