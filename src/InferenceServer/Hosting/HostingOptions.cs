using System.ComponentModel.DataAnnotations;

namespace InferenceServer.Hosting;

/// <summary>How the server ends; section <c>Hosting</c>.</summary>
public sealed class HostingOptions
{
    /// <summary>Time for which a server that got SIGTERM still takes requests while its readiness says no, so that load balancers notice; up to an hour. Default 5 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "01:00:00")]
    public TimeSpan DrainDelay { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Longest time for requests under way once no new connection is taken; up to an hour. Default 30 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "01:00:00")]
    public TimeSpan ShutdownTimeout { get; set; } = TimeSpan.FromSeconds(30);
}
