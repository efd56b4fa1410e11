using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;

namespace InferenceServer.Segment;

/// <summary>Reads the encoded image from a request: the body itself, or the one part of a form, named <c>image</c>.</summary>
internal static class ImageBody
{
    private const string Part = "image";
    private const int BufferSize = 64 * 1024;

    /// <param name="request">The request.</param>
    /// <param name="maxBytes">Most bytes of an image.</param>
    /// <param name="hold">Is told how many bytes have come, and throws if the server has no room for them.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <returns>The bytes, which the caller disposes.</returns>
    /// <exception cref="SegmentationException">Too large, a form without that part or with others, or a type that holds no image.</exception>
    public static Task<PooledBufferWriter> ReadAsync(HttpRequest request, long maxBytes, Action<long> hold, CancellationToken cancellationToken)
    {
        MediaTypeHeaderValue? type = request.GetTypedHeaders().ContentType;
        return IsForm(type) ? FromFormAsync(request, type!, maxBytes, hold, cancellationToken)
            : IsImage(type) ? BytesAsync(request, request.Body, maxBytes, hold, cancellationToken)
            : throw new SegmentationException(
                SegmentationError.UnsupportedMediaType, $"Content-Type '{type}' holds no image; send image/jpeg, image/png, image/webp, image/tiff, image/avif, or multipart/form-data with a part named '{Part}'.");
    }

    private static bool IsForm(MediaTypeHeaderValue? type) => type is not null && type.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase);

    // The decoder looks at the bytes. Only what says plainly that it is something else is refused here;
    // curl --data-binary without a header says application/x-www-form-urlencoded.
    private static bool IsImage(MediaTypeHeaderValue? type) => type is null
        || type.Type.Equals("image", StringComparison.OrdinalIgnoreCase)
        || type.MediaType.Equals("application/octet-stream", StringComparison.OrdinalIgnoreCase)
        || type.MediaType.Equals("application/x-www-form-urlencoded", StringComparison.OrdinalIgnoreCase);

    private static Task<PooledBufferWriter> BytesAsync(HttpRequest request, Stream body, long maxBytes, Action<long> hold, CancellationToken cancellationToken) =>
        BodyReader.ReadAsync(body, request.ContentLength, maxBytes, hold, "The image", cancellationToken);

    private static async Task<PooledBufferWriter> FromFormAsync(HttpRequest request, MediaTypeHeaderValue type, long maxBytes, Action<long> hold, CancellationToken cancellationToken)
    {
        string boundary = HeaderUtilities.RemoveQuotes(type.Boundary).Value is { Length: > 0 } given ? given : throw Invalid("The form's Content-Type names no boundary.");
        PooledBufferWriter? image = null;
        try
        {
            MultipartReader form = new(boundary, request.Body, BufferSize);
            while (await form.ReadNextSectionAsync(cancellationToken) is { } section)
            {
                if (Name(section) is not Part and var other)
                {
                    throw Invalid($"The form's part '{other}' would be ignored. A form has one part, named '{Part}'; options stand in the query, as in ?format=json.");
                }

                image = image is null
                    ? await BytesAsync(request, section.Body, maxBytes, hold, cancellationToken)
                    : throw Invalid($"The form has two parts named '{Part}'. Send one; /v1/segment:batch takes many.");
            }

            return image ?? throw Invalid($"The form has no part named '{Part}'.");
        }
        catch (Exception e) when (MalformedBody.IsReasonOf(e, cancellationToken))
        {
            image?.Dispose();
            throw Invalid("The form is malformed: " + e.Message, e);
        }
        catch
        {
            image?.Dispose();
            throw;
        }
    }

    private static string? Name(MultipartSection section) => section.GetContentDispositionHeader() is { } disposition ? HeaderUtilities.RemoveQuotes(disposition.Name).Value : null;

    private static SegmentationException Invalid(string message, Exception? inner = null) => new(SegmentationError.InvalidRequest, message, inner);
}
