using System.Globalization;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Segment;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.Net.Http.Headers;

namespace InferenceServer.OpenInference;

/// <summary>Reads the body of a request of the protocol, decompressed, and the header that says where its JSON ends.</summary>
internal static class InferBody
{
    /// <summary>Bytes of JSON before the tensors; of the decompressed body.</summary>
    public const string HeaderLength = "Inference-Header-Content-Length";

    private const string What = "The request";

    /// <summary>What the header says; null where there is none.</summary>
    /// <exception cref="SegmentationException">It is no length.</exception>
    public static int? JsonLength(HttpRequest request) => request.Headers[HeaderLength] switch
    {
        [] => null,
        [{ } text] when int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int length) => length,
        _ => throw new SegmentationException(SegmentationError.InvalidRequest, $"{HeaderLength}: expected one number of bytes, 0 or more."),
    };

    /// <param name="request">The request.</param>
    /// <param name="maxBytes">Most bytes, after decompression.</param>
    /// <param name="hold">Is told how many bytes will come or have come, and throws if the server has no room for them.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <returns>The bytes, which the caller disposes.</returns>
    /// <exception cref="SegmentationException">Too large, or compressed in a way that is not known or not whole.</exception>
    public static async Task<PooledBufferWriter> ReadAsync(
        HttpRequest request, int maxBytes, Action<long> hold, CancellationToken cancellationToken)
    {
        // What the framework could decompress has lost this header.
        if (request.Headers.ContentEncoding is { Count: > 0 } encoding && encoding != "identity")
        {
            throw new SegmentationException(
                SegmentationError.UnsupportedMediaType,
                $"{HeaderNames.ContentEncoding} '{encoding}' is not known; there are: gzip, deflate, br.");
        }

        // Compressed or not, no fewer bytes than these will come.
        long announced = request.ContentLength ?? 0;
        if (announced > maxBytes)
        {
            throw BodyReader.TooLarge(What, maxBytes);
        }

        hold(announced);
        try
        {
            return await BodyReader.ReadAsync(request.Body, request.ContentLength, maxBytes, hold, What, cancellationToken);
        }
        catch (Exception e) when (e is InvalidDataException or InvalidOperationException) // the latter is what Brotli throws
        {
            throw new SegmentationException(SegmentationError.InvalidRequest, "The body is compressed, but not whole: " + e.Message, e);
        }
    }
}

/// <summary>Takes the web server's limit on bodies off an endpoint whose handler counts the bytes itself: those that
/// come out of decompression, and by another limit than images have.</summary>
internal sealed class BodyLimit : IRequestSizeLimitMetadata
{
    public static readonly BodyLimit Instance = new();

    private BodyLimit()
    {
    }

    public long? MaxRequestBodySize => null;
}
