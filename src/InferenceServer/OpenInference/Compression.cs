using System.IO.Compression;
using Microsoft.AspNetCore.ResponseCompression;

namespace InferenceServer.OpenInference;

/// <summary>Bodies that come and go compressed, which clients of this protocol can ask for: gzip and deflate.</summary>
internal static class Compression
{
    public static void AddCompression(this IServiceCollection services)
    {
        services.AddRequestDecompression();
        services.AddResponseCompression(options =>
        {
            options.MimeTypes = ["application/json", "application/octet-stream"];
            options.EnableForHttps = true; // an answer repeats nothing that its asker keeps secret
            options.Providers.Add<GzipCompressionProvider>();
            options.Providers.Add<Deflate>();
        });
        services.Configure<GzipCompressionProviderOptions>(options => options.Level = CompressionLevel.Fastest);
    }

    /// <summary>Only of this protocol: masks are compressed already.</summary>
    public static void UseCompression(this WebApplication app) => app.UseWhen(http => http.Request.Path.StartsWithSegments("/v2"), branch =>
    {
        branch.UseRequestDecompression();
        branch.UseResponseCompression();
    });

    /// <summary>What HTTP calls deflate is zlib's format (RFC 9110, section 8.4.1.2).</summary>
    private sealed class Deflate : ICompressionProvider
    {
        public string EncodingName => "deflate";

        public bool SupportsFlush => true;

        public Stream CreateStream(Stream outputStream) => new ZLibStream(outputStream, CompressionLevel.Fastest, leaveOpen: true);
    }
}
