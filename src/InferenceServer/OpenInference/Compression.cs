using System.IO.Compression;
using InferenceServer.Runtime.Buffers;
using Microsoft.AspNetCore.ResponseCompression;

namespace InferenceServer.OpenInference;

/// <summary>Bodies that come and go compressed, which clients of this protocol can ask for: gzip and deflate.</summary>
internal static class Compression
{
    private const int BytesBetweenLooks = 1 << 20;

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

    /// <summary>Compresses an answer if its client takes that: here and not on its way out, for this takes longer
    /// than most stages and has its turn as they have.</summary>
    /// <param name="http">The request.</param>
    /// <param name="answer">Whole; disposed where another takes its place.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>The answer to send, which the caller disposes.</returns>
    public static InferAnswer Compress(HttpContext http, InferAnswer answer, CancellationToken cancellationToken)
    {
        IResponseCompressionProvider compression = http.RequestServices.GetRequiredService<IResponseCompressionProvider>();
        if (!compression.CheckRequestAcceptsCompression(http) || compression.GetCompressionProvider(http) is not { } provider)
        {
            return answer;
        }

        using InferAnswer replaced = answer;
        using Owned<PooledBufferWriter> packed = new(new PooledBufferWriter());
        using (Stream stream = provider.CreateStream(new BufferWriterStream(packed.Value)))
        {
            foreach (ReadOnlyMemory<byte> part in answer.Parts)
            {
                for (ReadOnlyMemory<byte> rest = part; rest.Length > 0; rest = rest[Math.Min(rest.Length, BytesBetweenLooks)..])
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    stream.Write(rest.Span[..Math.Min(rest.Length, BytesBetweenLooks)]);
                }
            }
        }

        return new InferAnswer(packed.Release(), null) { JsonLength = answer.JsonLength, Encoding = provider.EncodingName };
    }

    /// <summary>What HTTP calls deflate is zlib's format (RFC 9110, section 8.4.1.2).</summary>
    private sealed class Deflate : ICompressionProvider
    {
        public string EncodingName => "deflate";

        public bool SupportsFlush => true;

        public Stream CreateStream(Stream outputStream) => new ZLibStream(outputStream, CompressionLevel.Fastest, leaveOpen: true);
    }
}
