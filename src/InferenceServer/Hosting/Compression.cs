using System.IO.Compression;
using InferenceServer.Runtime.Buffers;
using Microsoft.AspNetCore.ResponseCompression;
using Microsoft.Net.Http.Headers;

namespace InferenceServer.Hosting;

/// <summary>Compression of answers that are not compressed already: JSON, and numbers one after another.</summary>
internal static class Compression
{
    private const int BytesBetweenLooks = 1 << 20;
    private static readonly string[] MediaTypes = ["application/json", "application/geo+json", "application/octet-stream"];

    public static void AddCompression(this IServiceCollection services)
    {
        services.AddResponseCompression(options =>
        {
            options.MimeTypes = MediaTypes;
            options.EnableForHttps = true; // a response does not mix secrets with a client's text
            options.Providers.Add<GzipCompressionProvider>();
            options.Providers.Add<Deflate>();
        });
        services.Configure<GzipCompressionProviderOptions>(options => options.Level = CompressionLevel.Fastest);
    }

    /// <summary>Compresses the answers about models. Those of images and tensors are made at once in their compressed form, or
    /// have formats that are compressed already.</summary>
    /// <remarks>Nothing else of the Open Inference Protocol is compressed: Triton's asynchronous client accepts compression
    /// with every request, and inflates answers of inference only.</remarks>
    public static void UseCompression(this WebApplication app) => app.UseWhen(
        http => http.Request.Path.StartsWithSegments("/v1/models"), branch => branch.UseResponseCompression());

    /// <summary>The compression of an answer.</summary>
    /// <param name="http">The request.</param>
    /// <param name="mediaType">Media type of the answer.</param>
    /// <returns>Null where the client accepts none, or answers of this type are not compressed.</returns>
    public static ICompressionProvider? Choose(HttpContext http, string mediaType)
    {
        if (!MediaTypes.Contains(mediaType))
        {
            return null;
        }

        IResponseCompressionProvider compression = http.RequestServices.GetRequiredService<IResponseCompressionProvider>();
        return compression.CheckRequestAcceptsCompression(http) ? compression.GetCompressionProvider(http) : null;
    }

    /// <summary>Writes the headers of an answer: its media type, and what concerns its compression.</summary>
    /// <param name="response">The response.</param>
    /// <param name="mediaType">Media type of the answer.</param>
    /// <param name="encoding">Name of the compression; null for none.</param>
    public static void Describe(HttpResponse response, string mediaType, string? encoding)
    {
        response.ContentType = mediaType;
        if (MediaTypes.Contains(mediaType))
        {
            response.Headers.Append(HeaderNames.Vary, HeaderNames.AcceptEncoding);
        }

        if (encoding is not null)
        {
            response.Headers.ContentEncoding = encoding;
        }
    }

    /// <summary>Compresses an answer. Called within a stage and not by middleware, because compression takes a CPU slot for
    /// longer than most stages.</summary>
    /// <param name="provider">The compression.</param>
    /// <param name="parts">The bytes, in order.</param>
    /// <param name="cancellationToken">Cancels compression.</param>
    /// <returns>The compressed bytes; the caller disposes them.</returns>
    public static PooledBufferWriter Compress(
        this ICompressionProvider provider, IReadOnlyList<ReadOnlyMemory<byte>> parts, CancellationToken cancellationToken)
    {
        using Owned<PooledBufferWriter> packed = new(new PooledBufferWriter());
        using (Stream stream = provider.CreateStream(new BufferWriterStream(packed.Value)))
        {
            foreach (ReadOnlyMemory<byte> part in parts)
            {
                for (ReadOnlyMemory<byte> rest = part; rest.Length > 0; rest = rest[Math.Min(rest.Length, BytesBetweenLooks)..])
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    stream.Write(rest.Span[..Math.Min(rest.Length, BytesBetweenLooks)]);
                }
            }
        }

        return packed.Release();
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
