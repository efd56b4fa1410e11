using System.Globalization;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Segment;
using Microsoft.AspNetCore.Http.Metadata;

namespace InferenceServer.OpenInference;

/// <summary>Reads the body of a request of the protocol, decompressed, and the header that says where its JSON
/// ends.</summary>
internal static class InferBody
{
    /// <summary>The header with the number of bytes of JSON before the tensors, in the decompressed body.</summary>
    public const string HeaderLength = "Inference-Header-Content-Length";

    private const string What = "The request";

    /// <summary>The header's value; null without the header.</summary>
    /// <exception cref="SegmentationException">The value is not a length.</exception>
    public static int? JsonLength(HttpRequest request) => request.Headers[HeaderLength] switch
    {
        [] => null,
        [{ } text] when int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int length) => length,
        var other => throw new SegmentationException(
            SegmentationError.InvalidRequest,
            $"{HeaderLength}: expected one number of bytes, 0 or more, got '{other}'."),
    };

    /// <summary>Reads the body.</summary>
    /// <param name="request">The request.</param>
    /// <param name="maxBytes">Most bytes, after decompression.</param>
    /// <param name="hold">Called with the bytes of memory so far; throws where the server has no room for them.</param>
    /// <param name="cancellationToken">Cancels reading.</param>
    /// <returns>The bytes; the caller disposes the buffer.</returns>
    /// <exception cref="SegmentationException">The body is too large, or damaged.</exception>
    public static async Task<PooledBufferWriter> ReadAsync(
        HttpRequest request, int maxBytes, Action<long> hold, CancellationToken cancellationToken)
    {
        if (request.ContentLength > maxBytes)
        {
            throw BodyReader.TooLarge(What, maxBytes);
        }

        return await BodyReader.ReadAsync(request.Body, request.ContentLength, maxBytes, hold, What, cancellationToken);
    }
}

/// <summary>Metadata that removes Kestrel's limit on bodies from an endpoint whose handler counts the decompressed
/// bytes by a limit of its own.</summary>
internal sealed class BodyLimit : IRequestSizeLimitMetadata
{
    public static readonly BodyLimit Instance = new();

    private BodyLimit()
    {
    }

    public long? MaxRequestBodySize => null;
}
