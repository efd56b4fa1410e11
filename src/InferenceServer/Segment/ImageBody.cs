using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;

namespace InferenceServer.Segment;

/// <summary>Reads the encoded image from a request: the body itself, or the part named <c>image</c> of a form.</summary>
internal static class ImageBody
{
    private const string Part = "image";
    private const int BufferSize = 64 * 1024;
    private const int LargestBufferAtOnce = 1 << 20;

    /// <param name="request">The request.</param>
    /// <param name="maxBytes">Most bytes of an image.</param>
    /// <param name="hold">Is told how many bytes have come, and throws if the server has no room for them.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <returns>The bytes, which the caller disposes.</returns>
    /// <exception cref="SegmentationException">Too large, a form without that part, or a type that holds no image.</exception>
    public static async Task<PooledBufferWriter> ReadAsync(HttpRequest request, long maxBytes, Action<long> hold, CancellationToken cancellationToken)
    {
        MediaTypeHeaderValue? type = request.GetTypedHeaders().ContentType;
        bool isForm = IsForm(type);
        Stream body = isForm ? await PartAsync(request, type!, cancellationToken) : IsImage(type) ? request.Body : throw new SegmentationException(
            SegmentationError.UnsupportedMediaType, $"Content-Type '{type}' holds no image; send image/jpeg, image/png, image/webp, image/tiff, image/avif, or multipart/form-data with a part named '{Part}'.");
        // A length is only a promise: beyond a megabyte the buffer grows with what really comes.
        PooledBufferWriter buffer = new((int)Math.Min(request.ContentLength + 1 ?? BufferSize, LargestBufferAtOnce));
        try
        {
            while (await body.ReadAsync(buffer.GetMemory(), cancellationToken) is > 0 and int count)
            {
                buffer.Advance(count);
                if (buffer.Written.Length > maxBytes)
                {
                    throw TooLarge(maxBytes);
                }

                hold(buffer.Written.Length);
            }

            return buffer;
        }
        catch (Exception e) when (isForm && IsMalformed(e, cancellationToken))
        {
            buffer.Dispose();
            throw Malformed(e);
        }
        catch
        {
            buffer.Dispose();
            throw;
        }
    }

    private static bool IsForm(MediaTypeHeaderValue? type) => type is not null && type.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase);

    // The decoder looks at the bytes. Only what says plainly that it is something else is refused here;
    // curl --data-binary without a header says application/x-www-form-urlencoded.
    private static bool IsImage(MediaTypeHeaderValue? type) => type is null
        || type.Type.Equals("image", StringComparison.OrdinalIgnoreCase)
        || type.MediaType.Equals("application/octet-stream", StringComparison.OrdinalIgnoreCase)
        || type.MediaType.Equals("application/x-www-form-urlencoded", StringComparison.OrdinalIgnoreCase);

    private static async Task<Stream> PartAsync(HttpRequest request, MediaTypeHeaderValue type, CancellationToken cancellationToken)
    {
        string boundary = HeaderUtilities.RemoveQuotes(type.Boundary).Value is { Length: > 0 } given
            ? given
            : throw new SegmentationException(SegmentationError.InvalidRequest, "The form's Content-Type names no boundary.");
        string? first = null;
        try
        {
            MultipartReader reader = new(boundary, request.Body, BufferSize);
            while (await reader.ReadNextSectionAsync(cancellationToken) is { } section)
            {
                string? name = section.GetContentDispositionHeader() is { } disposition ? HeaderUtilities.RemoveQuotes(disposition.Name).Value : null;
                if (name == Part)
                {
                    return section.Body;
                }

                first ??= name;
            }
        }
        catch (Exception e) when (IsMalformed(e, cancellationToken))
        {
            throw Malformed(e);
        }

        throw new SegmentationException(SegmentationError.InvalidRequest, $"The form has no part named '{Part}'" + (first is null ? "." : $"; its first is '{first}'."));
    }

    // The reader's complaints: headers that are none or too many, an end that does not come, a boundary longer than its buffer.
    private static bool IsMalformed(Exception e, CancellationToken cancellationToken) =>
        e is InvalidDataException or IOException or ArgumentOutOfRangeException && e is not BadHttpRequestException && !cancellationToken.IsCancellationRequested;

    private static SegmentationException Malformed(Exception e) =>
        new(SegmentationError.InvalidRequest, "The form is malformed: " + e.Message, e);

    private static SegmentationException TooLarge(long maxBytes) =>
        new(SegmentationError.PayloadTooLarge, $"The image has more than {maxBytes:N0} bytes, the most that is accepted.");
}
