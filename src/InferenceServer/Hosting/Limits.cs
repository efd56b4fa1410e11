using InferenceServer.Runtime.Decoding;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Options;

namespace InferenceServer.Hosting;

/// <summary>Kestrel's own limits, derived from the options of the runtime so that no number stands twice.</summary>
internal static class Limits
{
    /// <summary>A multipart body is the image and a few hundred bytes round it.</summary>
    public const long MultipartOverhead = 64 * 1024;

    public static void AddLimits(this WebApplicationBuilder builder)
    {
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.AddServerHeader = false);
        builder.Services.AddOptions<KestrelServerOptions>().Configure<IOptions<DecodingOptions>>(
            (kestrel, decoding) => kestrel.Limits.MaxRequestBodySize = decoding.Value.MaxBytes + MultipartOverhead);
        if (builder.Configuration["urls"] is null && builder.Configuration["http_ports"] is null)
        {
            builder.WebHost.UseUrls("http://*:8080");
        }
    }
}
