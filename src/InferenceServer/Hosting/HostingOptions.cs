using System.ComponentModel.DataAnnotations;
using InferenceServer.Runtime.Decoding;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Options;

namespace InferenceServer.Hosting;

/// <summary>Connections, the management address and draining; section <c>Hosting</c>.</summary>
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

/// <summary>Kestrel's own limits, computed from the options of the runtime and the host.</summary>
internal static class Limits
{
    /// <summary>Bytes of a multipart body beside the image.</summary>
    public const long MultipartOverhead = 64 * 1024;

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
        });
    }
}
