using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace InferenceServer.Hosting;

/// <summary>How the server listens and ends; section <c>Hosting</c>.</summary>
public sealed class HostingOptions
{
    /// <summary>Time for which a server that got SIGTERM still takes requests while its readiness says no, so that load balancers notice; up to an hour. Default 5 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "01:00:00")]
    public TimeSpan DrainDelay { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Longest time for requests under way once no new connection is taken; up to an hour. Default 30 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "01:00:00")]
    public TimeSpan ShutdownTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>An address of its own, such as <c>http://127.0.0.1:9090</c>, for metrics and for loading and unloading. Default none: they are where everything is.</summary>
    [RegularExpression(@"^https?://[^/:]+:\d+$", ErrorMessage = "{0}: expected a scheme, a host and a port, such as http://127.0.0.1:9090.")]
    public string? ManagementUrl { get; set; }

    /// <summary>Most connections at once; one more is closed unheard. Default 10 000.</summary>
    [Range(1, 1_000_000)]
    public int MaxConnections { get; set; } = 10_000;

    /// <summary>Most bytes of a request's headers, 1 to 256 KB. Default 16 KB.</summary>
    [Range(1024, 256 * 1024)]
    public int MaxHeaderBytes { get; set; } = 16 * 1024;

    /// <summary>Longest time for a request's headers to arrive, from a second to ten minutes. Default 10 s.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:10:00")]
    public TimeSpan HeadersTimeout { get; set; } = TimeSpan.FromSeconds(10);
}

[OptionsValidator]
internal sealed partial class HostingOptionsValidator : IValidateOptions<HostingOptions>;
