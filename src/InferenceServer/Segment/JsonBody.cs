using System.Buffers;
using System.Buffers.Text;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;

namespace InferenceServer.Segment;

/// <summary>Reads JSON bodies, with or without an image in them.</summary>
internal static class JsonBody
{
    private static readonly JsonDocumentOptions Options = new() { MaxDepth = 16 };

    /// <summary>Whether the content type of a request is JSON.</summary>
    public static bool IsJson(HttpRequest request) => request.GetTypedHeaders().ContentType is { } type
        && (type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase)
            || type.Suffix.Equals("json", StringComparison.OrdinalIgnoreCase));

    /// <summary>Reads a whole body as a JSON object.</summary>
    /// <param name="request">The request.</param>
    /// <param name="maxBytes">Most bytes.</param>
    /// <param name="hold">Called with the number of bytes received so far.</param>
    /// <param name="take">Makes the result, which must not keep the document.</param>
    /// <param name="cancellationToken">Cancels reading.</param>
    /// <exception cref="SegmentationException">The body is too large, or not a JSON object.</exception>
    public static async Task<T> ReadAsync<T>(
        HttpRequest request, long maxBytes, Action<long> hold, Func<JsonElement, T> take,
        CancellationToken cancellationToken)
    {
        using PooledBufferWriter body = await BodyReader.ReadAsync(
            request.Body, request.ContentLength, maxBytes, hold, "The request", cancellationToken);
        try
        {
            using JsonDocument document = JsonDocument.Parse(body.Written, Options);
            if (document.RootElement.ValueKind == JsonValueKind.Object)
            {
                return take(document.RootElement);
            }

            throw Invalid($"expected a JSON object, got {document.RootElement.ValueKind}.");
        }
        // InvalidOperationException: a text is not valid Unicode.
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw Invalid(e.Message);
        }
    }

    /// <summary>Decodes a member that holds an image in base64 or as a data URL.</summary>
    /// <returns>The bytes; the caller disposes the buffer.</returns>
    /// <exception cref="SegmentationException">The member is missing, or not base64.</exception>
    public static PooledBufferWriter Image(JsonElement body, string member)
    {
        if (!body.TryGetProperty(member, out JsonElement value) || value.ValueKind != JsonValueKind.String)
        {
            throw Invalid($"expected a member '{member}' with an image in base64.");
        }

        // Read as bytes: a string would take twice as many. Some clients escape + and /.
        ReadOnlySpan<byte> raw = JsonMarshal.GetRawUtf8Value(value)[1..^1];
        ReadOnlySpan<byte> base64 = raw.Contains((byte)'\\') ? Encoding.UTF8.GetBytes(value.GetString()!) : raw;
        base64 = base64.StartsWith("data:"u8) ? base64[(base64.IndexOf((byte)',') + 1)..] : base64;
        PooledBufferWriter image = new(Base64.GetMaxDecodedFromUtf8Length(base64.Length));
        if (Base64.DecodeFromUtf8(base64, image.GetSpan(), out _, out int written) != OperationStatus.Done)
        {
            image.Dispose();
            throw Invalid($"expected base64 in '{member}', got other characters.");
        }

        image.Advance(written);
        return image;
    }

    /// <summary>A member that is a number; null where the member is missing or null.</summary>
    /// <exception cref="SegmentationException">The member is not a number.</exception>
    public static double? Number(JsonElement body, string member)
    {
        if (!body.TryGetProperty(member, out JsonElement value) || value.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number))
        {
            return number;
        }

        throw Invalid($"expected a number in '{member}', got {value.GetRawText()}.");
    }

    /// <summary>A member that is text; null where the member is missing or something else.</summary>
    public static string? Text(JsonElement body, string member)
    {
        if (body.TryGetProperty(member, out JsonElement value) && value.ValueKind == JsonValueKind.String)
        {
            return value.GetString();
        }

        return null;
    }

    public static SegmentationException Invalid(string reason) =>
        new(SegmentationError.InvalidRequest, "The body is wrong: " + reason);
}

/// <summary>Tells errors of malformed forms and zips from failures of the server.</summary>
internal static class MalformedBody
{
    /// <summary>Whether an exception means a malformed body: wrong or too many headers, a missing end, a boundary that
    /// is too long, an unknown compression.</summary>
    /// <param name="e">The exception that reading threw.</param>
    /// <param name="cancellationToken">The token of reading.</param>
    public static bool IsReasonOf(Exception e, CancellationToken cancellationToken) =>
        e is InvalidDataException or IOException or NotSupportedException or ArgumentOutOfRangeException
        && e is not BadHttpRequestException
        && !cancellationToken.IsCancellationRequested;
}
