using InferenceServer.Runtime.Decoding;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Options;

namespace InferenceServer.Hosting;

/// <summary>Kestrel's own limits, from the options of the runtime and the host so that no number stands twice.</summary>
internal static class Limits
{
    /// <summary>A multipart body is the image and a few hundred bytes round it.</summary>
    public const long MultipartOverhead = 64 * 1024;

    public static void AddLimits(this WebApplicationBuilder builder)
    {
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.AddServerHeader = false);
        builder.Services.AddOptions<KestrelServerOptions>().Configure<IOptions<DecodingOptions>, IOptions<HostingOptions>>((kestrel, decoding, hosting) =>
        {
            kestrel.Limits.MaxRequestBodySize = decoding.Value.MaxBytes + MultipartOverhead;
            kestrel.Limits.MaxConcurrentConnections = hosting.Value.MaxConnections;
            kestrel.Limits.MaxRequestHeadersTotalSize = hosting.Value.MaxHeaderBytes;
            kestrel.Limits.MaxRequestLineSize = Math.Min(kestrel.Limits.MaxRequestLineSize, hosting.Value.MaxHeaderBytes);
            kestrel.Limits.RequestHeadersTimeout = hosting.Value.HeadersTimeout;
        });
    }
}
