using System.IO.Compression;
using InferenceServer.Errors;
using InferenceServer.Runtime;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.Net.Http.Headers;

namespace InferenceServer.Hosting;

/// <summary>Checks the content type and the content encoding of a body after authorization, and decompresses the body.
/// Routing would check the content type first, and respond with 415 instead of 401 to requests without a key.</summary>
internal static class ContentTypes
{
    private const string Encodings = "gzip, deflate, br";
    private const string Multipart = "multipart/", Grpc = "application/grpc";

    public static void AddContentTypes(this IServiceCollection services) =>
        services.Remove(
            services.AddRouting().Single(service => service.ImplementationType?.Name == "AcceptsMatcherPolicy"));

    public static void UseContentTypes(this WebApplication app) => app.Use((http, next) =>
    {
        if (http.GetEndpoint() is { } endpoint && (CheckType(http.Request, endpoint) ?? Decompress(http)) is { } refusal)
        {
            return Problem.WriteAsync(http, refusal);
        }

        return next(http);
    });

    /// <summary>Checks the content type. Many clients send a boundary without the quotes that its characters need: such
    /// a boundary gets its quotes here, so that all readers of forms find the same boundary.</summary>
    private static SegmentationException? CheckType(HttpRequest request, Endpoint endpoint)
    {
        string type = request.ContentType ?? "";
        if (type.StartsWith(Multipart, StringComparison.OrdinalIgnoreCase) && !MediaTypeHeaderValue.TryParse(type, out _))
        {
            if (BareBoundary(type) is not { } boundary)
            {
                return new SegmentationException(
                    SegmentationError.InvalidRequest,
                    $"Content-Type: expected a form with a boundary of letters, digits and '()+_,-./:=?, got '{type}'. "
                    + "Let your HTTP client set the header.");
            }

            type = $"{type.Split(';')[0].Trim()}; boundary=\"{boundary}\"";
            request.ContentType = type;
        }

        IReadOnlyList<string>? accepted = endpoint.Metadata.GetMetadata<IAcceptsMetadata>()?.ContentTypes;
        if (type.Length == 0 || accepted is null || IsAmong(accepted, type))
        {
            return null;
        }

        return new SegmentationException(
            SegmentationError.UnsupportedMediaType,
            $"Content-Type: expected {string.Join(" or ", accepted)}, got '{type}'.");
    }

    // Routing has the same rule: application/geo+json is also JSON.
    private static bool IsAmong(IReadOnlyList<string> accepted, string type) =>
        MediaTypeHeaderValue.TryParse(type, out MediaTypeHeaderValue? sent)
        && accepted.Any(one => sent.IsSubsetOf(MediaTypeHeaderValue.Parse(one)));

    // A quote or a backslash would end the quotes; a semicolon ends the parameter.
    private static string? BareBoundary(string type)
    {
        const string Name = "boundary=";
        string? value = type.Split(';', StringSplitOptions.TrimEntries).Skip(1)
            .FirstOrDefault(parameter => parameter.StartsWith(Name, StringComparison.OrdinalIgnoreCase))?[Name.Length..].Trim();
        if (string.IsNullOrEmpty(value) || value.AsSpan().ContainsAny('"', '\\') || value.AsSpan().ContainsAnyExceptInRange(' ', '~'))
        {
            return null;
        }

        return value;
    }

    /// <summary>Puts the decompressed body in place of a compressed one. Its length is not known any more.</summary>
    private static SegmentationException? Decompress(HttpContext http)
    {
        HttpRequest request = http.Request;
        string encoding = request.Headers.ContentEncoding.ToString();
        bool isCall = request.ContentType?.StartsWith(Grpc, StringComparison.OrdinalIgnoreCase) is true;
        if (encoding.Length == 0 || isCall)
        {
            return null;
        }

        Stream? body = encoding.ToLowerInvariant() switch
        {
            "identity" => request.Body,
            "gzip" or "x-gzip" => new GZipStream(request.Body, CompressionMode.Decompress, leaveOpen: true),
            // The zlib format (RFC 9110, section 8.4.1.2).
            "deflate" => new ZLibStream(request.Body, CompressionMode.Decompress, leaveOpen: true),
            "br" => new BrotliStream(request.Body, CompressionMode.Decompress, leaveOpen: true),
            _ => null,
        };
        if (body is null)
        {
            http.Response.Headers.AcceptEncoding = Encodings;
            return new SegmentationException(
                SegmentationError.UnsupportedMediaType,
                $"Content-Encoding: expected one of {Encodings}, got '{encoding}'. Send the body in one of them, or as it is.");
        }

        request.Headers.Remove(HeaderNames.ContentEncoding);
        if (body != request.Body)
        {
            request.ContentLength = null;
            request.Body = new DecompressedBody(body, encoding, http);
            http.Response.RegisterForDispose(body);
        }

        return null;
    }

    /// <summary>A body that is decompressed while it is read. The server's limit on bodies applies to the decompressed
    /// bytes, too.</summary>
    private sealed class DecompressedBody(Stream body, string encoding, HttpContext http) : Stream
    {
        private long _read;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => _read; set => throw new NotSupportedException(); }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            int count;
            try
            {
                count = await body.ReadAsync(buffer, cancellationToken);
            }
            catch (Exception e) when (IsDamage(e))
            {
                throw new SegmentationException(
                    SegmentationError.InvalidRequest,
                    $"Content-Encoding: expected a whole body in {encoding}, got a damaged one. Compress and send the body again.", e);
            }

            // Read each time: some routes set a limit of their own before they read.
            long? limit = http.Features.Get<IHttpMaxRequestBodySizeFeature>()?.MaxRequestBodySize;
            if ((_read += count) > limit)
            {
                throw new SegmentationException(
                    SegmentationError.PayloadTooLarge,
                    $"The body is too large: expected at most {limit:N0} bytes once it is decompressed. Send fewer.");
            }

            return count;
        }

        // Brotli throws InvalidOperationException; the class for a zlib body that needs a dictionary is not public.
        private static bool IsDamage(Exception e) => e is InvalidDataException or InvalidOperationException
            || e.GetType().Namespace == typeof(ZLibStream).Namespace;

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
