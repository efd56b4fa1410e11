using System.Buffers;
using System.Buffers.Text;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;

namespace InferenceServer.Segment;

/// <summary>Requests that are JSON, with or without an image in them.</summary>
internal static class JsonBody
{
    private static readonly JsonDocumentOptions Options = new() { MaxDepth = 16 };

    /// <summary>Whether a request says that it is JSON.</summary>
    public static bool IsJson(HttpRequest request) =>
        request.GetTypedHeaders().ContentType is { } type
            && (
                type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase)
                    || type.Suffix.Equals("json", StringComparison.OrdinalIgnoreCase));

    /// <summary>Reads a body whole and hands it out while its bytes are there.</summary>
    /// <param name="request">The request.</param>
    /// <param name="maxBytes">Most bytes.</param>
    /// <param name="hold">Is told how many bytes have come.</param>
    /// <param name="take">Makes something of it that no longer needs the document.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <exception cref="SegmentationException">Too large, or no JSON object.</exception>
    public static async Task<T> ReadAsync<T>(
        HttpRequest request, long maxBytes, Action<long> hold, Func<JsonElement, T> take,
        CancellationToken cancellationToken)
    {
        using PooledBufferWriter body = await BodyReader.ReadAsync(
            request.Body, request.ContentLength, maxBytes, hold, "The request", cancellationToken);
        try
        {
            using JsonDocument document = JsonDocument.Parse(body.Written, Options);
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? take(document.RootElement)
                : throw Invalid("expected a JSON object.");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException) // the latter of text that is no Unicode, once it is read
        {
            throw Invalid(e.Message);
        }
    }

    /// <summary>The bytes of an image that a member holds in base64, as they are or as a data URL.</summary>
    /// <returns>The bytes, which the caller disposes.</returns>
    /// <exception cref="SegmentationException">No such member, or no base64.</exception>
    public static PooledBufferWriter Image(JsonElement body, string member)
    {
        if (!body.TryGetProperty(member, out JsonElement value) || value.ValueKind != JsonValueKind.String)
        {
            throw Invalid($"expected a member '{member}' with an image in base64.");
        }

        // Without making text of it, which would be twice its bytes; some clients escape + and /.
        ReadOnlySpan<byte> raw = JsonMarshal.GetRawUtf8Value(value)[1..^1];
        ReadOnlySpan<byte> base64 = raw.Contains((byte)'\\') ? Encoding.UTF8.GetBytes(value.GetString()!) : raw;
        base64 = base64.StartsWith("data:"u8) ? base64[(base64.IndexOf((byte)',') + 1)..] : base64;
        PooledBufferWriter image = new(Base64.GetMaxDecodedFromUtf8Length(base64.Length));
        if (Base64.DecodeFromUtf8(base64, image.GetSpan(), out _, out int written) != OperationStatus.Done)
        {
            image.Dispose();
            throw Invalid($"'{member}' is no base64.");
        }

        image.Advance(written);
        return image;
    }

    /// <summary>A member that is a number.</summary>
    /// <exception cref="SegmentationException">It is something else.</exception>
    public static double? Number(JsonElement body, string member) =>
        !body.TryGetProperty(member, out JsonElement value) || value.ValueKind == JsonValueKind.Null ? null
        : value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number)
            ? number
            : throw Invalid($"'{member}' is no number.");

    /// <summary>A member that is text; null where there is none.</summary>
    public static string? Text(JsonElement body, string member) =>
        body.TryGetProperty(member, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    public static SegmentationException Invalid(string reason) =>
        new(SegmentationError.InvalidRequest, "The body is not as expected: " + reason);
}
