using System.ComponentModel.DataAnnotations;
using System.Net;
using InferenceServer.Runtime.Decoding;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Options;

namespace InferenceServer.Hosting;

/// <summary>Connections, proxies, the management address and draining; section <c>Hosting</c>.</summary>
public sealed class HostingOptions
{
    /// <summary>Time after SIGTERM in which the server is not ready but still accepts requests, so that load balancers
    /// notice. Default 5 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "01:00:00")]
    public TimeSpan DrainDelay { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Longest time to finish admitted requests, after the server stops accepting connections. Default 30
    /// s.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "01:00:00")]
    public TimeSpan ShutdownTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>An address for metrics, loading and unloading, such as <c>http://127.0.0.1:9090</c>. Default none: the
    /// other addresses serve them.</summary>
    [RegularExpression(
        @"^https?://[^/:]+:\d+$",
        ErrorMessage = "{0}: expected a scheme, a host and a port, such as http://127.0.0.1:9090.")]
    public string? ManagementUrl { get; set; }

    /// <summary>A path before all routes, such as <c>/seg</c>, for a proxy that does not remove the prefix. Routes work
    /// without the prefix, too. Default none.</summary>
    [RegularExpression(
        "^" + PublicAddress.Prefix + "$",
        ErrorMessage = "{0}: expected a path such as /seg, of letters, digits and -._~, without a slash at the end.")]
    public string? PathBase { get; set; }

    /// <summary>Proxies whose <c>X-Forwarded-For</c>, <c>-Proto</c>, <c>-Host</c> and <c>-Prefix</c> count: addresses
    /// such as <c>10.0.0.7</c>, networks such as <c>10.0.0.0/24</c>, and <c>unix</c> for Unix sockets. Default
    /// none.</summary>
    public IList<string> TrustedProxies { get; } = [];

    /// <summary>Most trusted proxies between a client and the server; each adds a value to <c>X-Forwarded-For</c>.
    /// Default 1.</summary>
    [Range(1, 16)]
    public int ProxyHops { get; set; } = 1;

    /// <summary>Most connections at the same time; another connection is closed. Default 10 000.</summary>
    [Range(1, 1_000_000)]
    public int MaxConnections { get; set; } = 10_000;

    /// <summary>Most bytes of a request's headers. Default 16 KB.</summary>
    [Range(1024, 256 * 1024)]
    public int MaxHeaderBytes { get; set; } = 16 * 1024;

    /// <summary>Longest time for a request's headers to arrive. Default 10 s.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:10:00")]
    public TimeSpan HeadersTimeout { get; set; } = TimeSpan.FromSeconds(10);
}

[OptionsValidator]
internal sealed partial class HostingOptionsValidator : IValidateOptions<HostingOptions>;

/// <summary>Checks the addresses of proxies.</summary>
internal sealed class TrustedProxiesValidator : IValidateOptions<HostingOptions>
{
    public ValidateOptionsResult Validate(string? name, HostingOptions options)
    {
        string[] failures = [.. options.TrustedProxies.Select(Failure).OfType<string>()];
        if (failures.Length == 0)
        {
            return ValidateOptionsResult.Success;
        }

        return ValidateOptionsResult.Fail(failures);
    }

    private static string? Failure(string proxy)
    {
        // "10" is an address as well, 0.0.0.10.
        bool isAddress = proxy.AsSpan().ContainsAny('.', ':') && IPAddress.TryParse(proxy, out _);
        if (isAddress || proxy == PublicAddress.UnixSockets)
        {
            return null;
        }

        if (!IPNetwork.TryParse(proxy, out IPNetwork network))
        {
            return "Hosting:TrustedProxies: expected addresses such as 10.0.0.7, networks such as 10.0.0.0/24, or "
                + $"{PublicAddress.UnixSockets}, got '{proxy}'.";
        }

        if (network.PrefixLength == 0)
        {
            return $"Hosting:TrustedProxies: expected the networks of your proxies, got {proxy}, which is every address. "
                + "Any client could then choose its address. Name the networks of the proxies.";
        }

        return null;
    }
}

/// <summary>Kestrel's own limits, computed from the options of the runtime and the host.</summary>
internal static class Limits
{
    /// <summary>Bytes of a multipart body beside the image.</summary>
    public const long MultipartOverhead = 64 * 1024;

    // Most bytes of a connection that have arrived and that no handler has read. Ten megabytes a second over HTTP/2 where a
    // round trip takes 50 ms.
    private const int UnreadBytes = 512 * 1024;

    public static void AddLimits(this WebApplicationBuilder builder)
    {
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.AddServerHeader = false);
        builder.Services.AddOptions<KestrelServerOptions>()
            .Configure<IOptions<DecodingOptions>, IOptions<HostingOptions>>((kestrel, decoding, hosting) =>
        {
            kestrel.Limits.MaxRequestBodySize = decoding.Value.MaxBytes + MultipartOverhead;
            kestrel.Limits.MaxConcurrentConnections = hosting.Value.MaxConnections;
            kestrel.Limits.MaxRequestHeadersTotalSize = hosting.Value.MaxHeaderBytes;
            kestrel.Limits.MaxRequestLineSize = Math.Min(kestrel.Limits.MaxRequestLineSize, hosting.Value.MaxHeaderBytes);
            kestrel.Limits.RequestHeadersTimeout = hosting.Value.HeadersTimeout;
            kestrel.Limits.MaxRequestBufferSize = UnreadBytes;
            kestrel.Limits.Http2.InitialConnectionWindowSize = UnreadBytes;
            kestrel.Limits.Http2.InitialStreamWindowSize = UnreadBytes / 2;
        });
    }
}
