using System.IO.Compression;
using InferenceServer.Runtime.Buffers;
using Microsoft.AspNetCore.ResponseCompression;

namespace InferenceServer.OpenInference;

/// <summary>Compression of response bodies, for the endpoints of this protocol.</summary>
internal static class Compression
{
    private const int BytesBetweenLooks = 1 << 20;

    public static void AddCompression(this IServiceCollection services)
    {
        services.AddResponseCompression(options =>
        {
            options.MimeTypes = ["application/json", "application/octet-stream"];
            options.EnableForHttps = true; // a response does not mix secrets with a client's text
            options.Providers.Add<GzipCompressionProvider>();
            options.Providers.Add<Deflate>();
        });
        services.Configure<GzipCompressionProviderOptions>(options => options.Level = CompressionLevel.Fastest);
    }

    /// <summary>Compresses responses of this protocol only: other responses have images, which are compressed
    /// already.</summary>
    public static void UseCompression(this WebApplication app) =>
        app.UseWhen(http => http.Request.Path.StartsWithSegments("/v2"), branch => branch.UseResponseCompression());

    /// <summary>Compresses a response where the client accepts compression. Called within a stage and not by
    /// middleware, because compression takes a CPU slot for longer than most stages.</summary>
    /// <param name="http">The request.</param>
    /// <param name="answer">The complete response; disposed where it is replaced.</param>
    /// <param name="cancellationToken">Cancels compression.</param>
    /// <returns>The response to send; the caller disposes it.</returns>
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

    /// <summary>HTTP's deflate, which is the zlib format (RFC 9110, section 8.4.1.2).</summary>
    private sealed class Deflate : ICompressionProvider
    {
        public string EncodingName => "deflate";

        public bool SupportsFlush => true;

        public Stream CreateStream(Stream outputStream) =>
            new ZLibStream(outputStream, CompressionLevel.Fastest, leaveOpen: true);
    }
}
