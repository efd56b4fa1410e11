using InferenceServer.Fetching;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;

namespace InferenceServer.Segment;

/// <summary>Reads the encoded image of a request: the body itself, a part of a form, base64 in JSON, or a URL in
/// JSON.</summary>
internal sealed class RequestImageReader(ImageFetcher fetcher)
{
    private const int BufferSize = 64 * 1024;
    private const int MaxUrlBodyBytes = 64 * 1024;
    private const string Background = "background";
    private static readonly string[] PartNames = ["image", "file"];

    /// <summary>Reads the image, and the background of a form.</summary>
    /// <param name="request">The request.</param>
    /// <param name="maxBytes">Most bytes of an image.</param>
    /// <param name="hold">Is told how many bytes have arrived; throws where the server has no room for them.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <returns>The bytes; the caller disposes them.</returns>
    /// <exception cref="SegmentationException">Too many bytes, a body or a form without an image, or a URL that cannot
    /// be fetched.</exception>
    public async Task<RequestImages> ReadAsync(
        HttpRequest request, long maxBytes, Action<long> hold, CancellationToken cancellationToken)
    {
        MediaTypeHeaderValue? type = request.GetTypedHeaders().ContentType;
        if (IsForm(type))
        {
            return await ReadImagesAsync(request, type!, maxBytes, hold, cancellationToken);
        }

        return new RequestImages(await ReadImageAsync(request, maxBytes, hold, cancellationToken));
    }

    private async Task<PooledBufferWriter> ReadImageAsync(
        HttpRequest request, long maxBytes, Action<long> hold, CancellationToken cancellationToken)
    {
        if (!JsonBody.IsJson(request))
        {
            return await ReadBinaryAsync(request, maxBytes, hold, cancellationToken);
        }

        // Base64 has four characters for three bytes.
        long maxBodyBytes = Math.Max((maxBytes / 3 * 4) + MaxUrlBodyBytes, MaxUrlBodyBytes);
        (PooledBufferWriter? image, string? url) = await JsonBody.ReadAsync(
            request, maxBodyBytes, hold, Take, cancellationToken);
        return image ?? await fetcher.FetchAsync(url!, authorization: null, maxBytes, hold, cancellationToken);

        (PooledBufferWriter? Image, string? Url) Take(JsonMembers body)
        {
            if (body.Text("url") is { } url)
            {
                if (fetcher.IsEnabled)
                {
                    return (null, url);
                }

                throw Invalid(
                    "This server fetches no images by URL. "
                    + "Send the image itself, or ask the operator to list its host in Fetch:Hosts.");
            }

            if (!body.Has("image"))
            {
                throw JsonBody.Invalid("expected {\"image\": base64} or {\"url\": \"https://…\"}, got neither.");
            }

            PooledBufferWriter image = body.TakeImage("image");
            if (image.Written.Length <= maxBytes)
            {
                return (image, null);
            }

            image.Dispose();
            throw BodyReader.TooLarge("The image", maxBytes);
        }
    }

    /// <summary>Reads an image that is not in JSON: the body itself, or a part of a form.</summary>
    /// <inheritdoc cref="ReadAsync"/>
    public static Task<PooledBufferWriter> ReadBinaryAsync(
        HttpRequest request, long maxBytes, Action<long> hold, CancellationToken cancellationToken)
    {
        MediaTypeHeaderValue? type = request.GetTypedHeaders().ContentType;
        if (IsForm(type))
        {
            return FromFormAsync(request, type!, OnlyImageAsync, maxBytes, hold, cancellationToken);
        }

        if (MayBeImage(type))
        {
            return BytesAsync(request, request.Body, maxBytes, hold, cancellationToken);
        }

        throw new SegmentationException(
            SegmentationError.UnsupportedMediaType,
            "Content-Type: expected image/jpeg, image/png, image/webp, image/tiff, image/avif, image/gif, or "
            + $"multipart/form-data with a part named 'image', got '{type}'.");
    }

    /// <summary>Reads the image of a form that has other fields, too.</summary>
    /// <param name="request">The request.</param>
    /// <param name="field">Reads a field by its name; false for the image.</param>
    /// <param name="maxBytes">Most bytes of an image.</param>
    /// <param name="hold">Is told how many bytes have arrived; throws where the server has no room for them.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    public static Task<PooledBufferWriter> ReadFormAsync(
        HttpRequest request, Func<string?, Stream, CancellationToken, Task<bool>> field, long maxBytes, Action<long> hold,
        CancellationToken cancellationToken)
    {
        MediaTypeHeaderValue? type = request.GetTypedHeaders().ContentType;
        if (IsForm(type))
        {
            return FromFormAsync(request, type!, field, maxBytes, hold, cancellationToken);
        }

        throw NoForm(type);
    }

    private static async Task<RequestImages> ReadImagesAsync(
        HttpRequest request, MediaTypeHeaderValue type, long maxBytes, Action<long> hold, CancellationToken cancellationToken)
    {
        using DisposableList<PooledBufferWriter> backgrounds = [];
        long imageBytes = 0, backgroundBytes = 0;
        PooledBufferWriter image = await FromFormAsync(request, type, FieldAsync, maxBytes, HoldImage, cancellationToken);
        RequestImages images = new(image, backgrounds.SingleOrDefault());
        backgrounds.Clear();
        return images;

        async Task<bool> FieldAsync(string? name, Stream body, CancellationToken stop)
        {
            if (name != Background)
            {
                return await OnlyImageAsync(name, body, stop);
            }

            if (backgrounds.Count > 0)
            {
                throw Invalid("Expected one part named 'background', got several. Send one.");
            }

            backgrounds.Add(await BodyReader.ReadAsync(body, null, maxBytes, HoldBackground, "The background", stop));
            if (backgrounds[0].Written.IsEmpty)
            {
                throw Invalid("background: expected an image, got an empty part. Leave the part out.");
            }

            return true;
        }

        void HoldImage(long bytes)
        {
            imageBytes = bytes;
            hold(imageBytes + backgroundBytes);
        }

        void HoldBackground(long bytes)
        {
            backgroundBytes = bytes;
            hold(imageBytes + backgroundBytes);
        }
    }

    private static Task<bool> OnlyImageAsync(string? name, Stream body, CancellationToken cancellationToken)
    {
        if (PartNames.Contains(name))
        {
            return Task.FromResult(false);
        }

        throw Invalid(
            $"Expected one part, named 'image' or 'file', got a part '{name}'. "
            + "Parameters go into the query, as in ?format=json.");
    }

    private static bool IsForm(MediaTypeHeaderValue? type) =>
        type is not null && type.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase);

    // The decoder looks at the bytes. Only a type that is plainly something else is refused here;
    // curl --data-binary without a header says application/x-www-form-urlencoded.
    private static bool MayBeImage(MediaTypeHeaderValue? type) => type is null
        || type.Type.Equals("image", StringComparison.OrdinalIgnoreCase)
        || type.MediaType.Equals("application/octet-stream", StringComparison.OrdinalIgnoreCase)
        || type.MediaType.Equals("binary/octet-stream", StringComparison.OrdinalIgnoreCase)
        || type.MediaType.Equals("application/x-www-form-urlencoded", StringComparison.OrdinalIgnoreCase);

    private static Task<PooledBufferWriter> BytesAsync(
        HttpRequest request, Stream body, long maxBytes, Action<long> hold, CancellationToken cancellationToken) =>
        BodyReader.ReadAsync(body, request.ContentLength, maxBytes, hold, "The image", cancellationToken);

    private static async Task<PooledBufferWriter> FromFormAsync(
        HttpRequest request, MediaTypeHeaderValue type, Func<string?, Stream, CancellationToken, Task<bool>> field,
        long maxBytes, Action<long> hold, CancellationToken cancellationToken)
    {
        using DisposableList<PooledBufferWriter> images = [];
        await ReadPartsAsync(request, type, PartAsync, cancellationToken);
        if (images is not [var image])
        {
            throw Invalid("Expected a part named 'image' or 'file', got none.");
        }

        images.Clear();
        return image;

        async Task PartAsync(string? name, Stream body)
        {
            if (await field(name, body, cancellationToken))
            {
                return;
            }

            if (images.Count > 0)
            {
                throw Invalid(
                    "Expected one image in the form, got several. Send one; /v1/segment:batch takes many.");
            }

            images.Add(await BytesAsync(request, body, maxBytes, hold, cancellationToken));
        }
    }

    /// <summary>Reads the parts of a form, one after another.</summary>
    /// <param name="request">The request.</param>
    /// <param name="read">Reads a part of a name.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <exception cref="SegmentationException">The body is no complete form.</exception>
    public static Task ReadPartsAsync(HttpRequest request, Func<string?, Stream, Task> read, CancellationToken cancellationToken)
    {
        MediaTypeHeaderValue? type = request.GetTypedHeaders().ContentType;
        if (IsForm(type))
        {
            return ReadPartsAsync(request, type!, read, cancellationToken);
        }

        throw NoForm(type);
    }

    private static async Task ReadPartsAsync(
        HttpRequest request, MediaTypeHeaderValue type, Func<string?, Stream, Task> read, CancellationToken cancellationToken)
    {
        string boundary = HeaderUtilities.RemoveQuotes(type.Boundary).Value ?? "";
        if (boundary.Length == 0)
        {
            throw Invalid(
                "Content-Type: expected multipart/form-data with a boundary, got none. "
                + "Let your HTTP client set the header.");
        }

        try
        {
            MultipartReader form = new(boundary, request.Body, BufferSize);
            while (await form.ReadNextSectionAsync(cancellationToken) is { } section)
            {
                await read(Name(section), section.Body);
            }
        }
        catch (Exception e) when (MalformedBody.IsReasonOf(e, cancellationToken))
        {
            throw Invalid("Expected a complete form, got a malformed one: " + e.Message, e);
        }
    }

    private static string? Name(MultipartSection section)
    {
        if (section.GetContentDispositionHeader() is { } disposition)
        {
            return HeaderUtilities.RemoveQuotes(disposition.Name).Value;
        }

        return null;
    }

    private static SegmentationException NoForm(MediaTypeHeaderValue? type) => new(
        SegmentationError.UnsupportedMediaType, $"Content-Type: expected multipart/form-data, got '{type}'.");

    private static SegmentationException Invalid(string message, Exception? inner = null) =>
        new(SegmentationError.InvalidRequest, message, inner);
}
