using System.Buffers;
using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;

namespace InferenceServer.Segment;

/// <summary>Reads JSON bodies, with or without an image in them, without a document of all their values: a body takes no
/// more memory than its bytes, whatever it holds.</summary>
internal static class JsonBody
{
    private const int MaxDepth = 16;
    private const int MaxMembers = 1000;
    private const int MaxValues = 2_000_000; // some 20 ms

    /// <summary>How bodies are read.</summary>
    public static JsonReaderOptions Options { get; } = new() { MaxDepth = MaxDepth };

    /// <summary>Whether the content type of a request is JSON.</summary>
    public static bool IsJson(HttpRequest request) => request.GetTypedHeaders().ContentType is { } type
        && (type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase)
            || type.Suffix.Equals("json", StringComparison.OrdinalIgnoreCase));

    /// <summary>Reads a whole body as a JSON object.</summary>
    /// <param name="request">The request.</param>
    /// <param name="maxBytes">Most bytes.</param>
    /// <param name="hold">Called with the number of bytes received so far.</param>
    /// <param name="take">Makes the result, which must not keep the members.</param>
    /// <param name="cancellationToken">Cancels reading.</param>
    /// <param name="begun">The start of the body, where it was read before.</param>
    /// <exception cref="SegmentationException">The body is too large, or not a JSON object.</exception>
    public static async Task<T> ReadAsync<T>(
        HttpRequest request, long maxBytes, Action<long> hold, Func<JsonMembers, T> take,
        CancellationToken cancellationToken, ReadOnlyMemory<byte> begun = default)
    {
        using Owned<PooledBufferWriter> body = new(await BodyReader.ReadAsync(
            request.Body, request.ContentLength, maxBytes, hold, "The request", cancellationToken, begun));
        try
        {
            Check(body.Value.Written.Span, MaxValues);
            return take(JsonMembers.Of(body));
        }
        // InvalidOperationException: a text is not valid Unicode.
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw Invalid(e.Message);
        }
    }

    /// <summary>Looks for a text among the members of an object of which only the start is there.</summary>
    /// <param name="start">The start of the object.</param>
    /// <param name="isWhole">Whether nothing follows.</param>
    /// <param name="member">The member's name, in UTF-8.</param>
    /// <returns>Null where the text is not there, or not yet.</returns>
    /// <exception cref="SegmentationException">The start is not JSON.</exception>
    public static string? Peek(ReadOnlySpan<byte> start, bool isWhole, ReadOnlySpan<byte> member)
    {
        try
        {
            Utf8JsonReader reader = new(start, isWhole, new JsonReaderState(Options));
            while (reader.Read())
            {
                bool isMember = reader.TokenType == JsonTokenType.PropertyName && reader.ValueTextEquals(member);
                if (reader.CurrentDepth == 1 && isMember)
                {
                    return reader.Read() && reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
                }
            }

            return null;
        }
        // InvalidOperationException: a text is not valid Unicode.
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw Invalid(e.Message);
        }
    }

    /// <summary>Checks that a text is JSON, and that what is made of it stays small.</summary>
    /// <param name="json">The text.</param>
    /// <param name="maxValues">Most values and names in all.</param>
    /// <exception cref="JsonException">The text is not JSON, or nested too deep.</exception>
    /// <exception cref="SegmentationException">There are too many values, or too many members in one object.</exception>
    public static void Check(ReadOnlySpan<byte> json, int maxValues)
    {
        Span<int> members = stackalloc int[MaxDepth + 1];
        int values = 0;
        Utf8JsonReader reader = new(json, Options);
        while (reader.Read())
        {
            if (++values > maxValues)
            {
                throw Invalid($"expected at most {maxValues:N0} values and names, got more.");
            }

            if (reader.TokenType == JsonTokenType.StartObject)
            {
                members[reader.CurrentDepth] = 0;
            }
            else if (reader.TokenType == JsonTokenType.PropertyName && ++members[reader.CurrentDepth - 1] > MaxMembers)
            {
                throw Invalid($"expected at most {MaxMembers:N0} members in an object, got more.");
            }
        }
    }

    public static SegmentationException Invalid(string reason) =>
        new(SegmentationError.InvalidRequest, "The body is wrong: " + reason);
}

/// <summary>The members of a JSON object: their places in the body, which <see cref="JsonBody.Check"/> has
/// accepted.</summary>
internal sealed class JsonMembers
{
    private const int LongestName = 256, LongestText = 4 << 20, LongestEcho = 64, MostTexts = 1024;
    private readonly Owned<PooledBufferWriter> _body;
    private readonly Dictionary<string, (JsonTokenType Type, Range Place)> _members = [];

    private JsonMembers(Owned<PooledBufferWriter> body, int start, Utf8JsonReader reader)
    {
        _body = body;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string? name = null;
            if (reader.ValueSpan.Length <= LongestName)
            {
                name = reader.GetString();
            }

            reader.Read();
            (JsonTokenType type, int first) = (reader.TokenType, (int)reader.TokenStartIndex);
            reader.Skip();
            if (name is not null)
            {
                // Of two members with one name, the last counts.
                _members[name] = (type, (start + first)..(start + (int)reader.BytesConsumed));
            }
        }
    }

    /// <summary>The members of a body.</summary>
    /// <param name="body">The bytes; <see cref="TakeImage"/> takes them over.</param>
    /// <exception cref="SegmentationException">The body is not an object.</exception>
    public static JsonMembers Of(Owned<PooledBufferWriter> body) =>
        At(body, ..) ?? throw JsonBody.Invalid("expected a JSON object, got something else.");

    /// <summary>Whether there is a member.</summary>
    public bool Has(string member) => _members.ContainsKey(member);

    /// <summary>Whether there is a member other than null, an empty text or an empty list.</summary>
    public bool HasContent(string member) => _members.TryGetValue(member, out (JsonTokenType Type, Range Place) value)
        && value.Type != JsonTokenType.Null
        && !Bytes(value.Place).SequenceEqual("\"\""u8)
        && !Bytes(value.Place).SequenceEqual("[]"u8);

    /// <summary>A member that is an object; null where the member is missing or something else.</summary>
    public JsonMembers? Object(string member)
    {
        if (_members.TryGetValue(member, out (JsonTokenType Type, Range Place) value))
        {
            return At(_body, value.Place);
        }

        return null;
    }

    /// <summary>The elements of a member that is an array, read one after another; null for an element that is no object.
    /// Null where the member is missing, something else, or longer than <paramref name="most"/>.</summary>
    public IEnumerable<JsonMembers?>? Objects(string member, int most)
    {
        if (!_members.TryGetValue(member, out (JsonTokenType Type, Range Place) value) || value.Type != JsonTokenType.StartArray)
        {
            return null;
        }

        List<Range> elements = [];
        int start = value.Place.Start.Value;
        Utf8JsonReader reader = ReaderAt(value.Place);
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (elements.Count == most)
            {
                return null;
            }

            int first = (int)reader.TokenStartIndex;
            reader.Skip();
            elements.Add((start + first)..(start + (int)reader.BytesConsumed));
        }

        return elements.Select(place => At(_body, place));
    }

    /// <summary>A member that is a number; null where the member is missing or null.</summary>
    /// <exception cref="SegmentationException">The member is not a number.</exception>
    public double? Number(string member)
    {
        if (!_members.TryGetValue(member, out (JsonTokenType Type, Range Place) value) || value.Type == JsonTokenType.Null)
        {
            return null;
        }

        ReadOnlySpan<byte> text = Bytes(value.Place);
        if (value.Type == JsonTokenType.Number && Utf8Parser.TryParse(text, out double number, out _) && double.IsFinite(number))
        {
            return number;
        }

        throw JsonBody.Invalid(
            $"expected a number in '{member}', got {Encoding.UTF8.GetString(text[..Math.Min(text.Length, LongestEcho)])}.");
    }

    /// <summary>A member that is an array of texts; null where the member is missing or null.</summary>
    /// <exception cref="SegmentationException">The member is something else, or longer than a model has classes.</exception>
    public IReadOnlyList<string>? Texts(string member)
    {
        if (!_members.TryGetValue(member, out (JsonTokenType Type, Range Place) value) || value.Type == JsonTokenType.Null)
        {
            return null;
        }

        List<string> texts = [];
        Utf8JsonReader reader = ReaderAt(value.Place);
        bool isArray = value.Type == JsonTokenType.StartArray;
        while (isArray && reader.Read() && reader.TokenType == JsonTokenType.String && texts.Count < MostTexts)
        {
            texts.Add(reader.GetString()!);
        }

        if (isArray && reader.TokenType == JsonTokenType.EndArray)
        {
            return texts;
        }

        throw JsonBody.Invalid($"expected an array of at most {MostTexts:N0} texts in '{member}', got something else.");
    }

    /// <summary>A member that is a whole number; null where the member is missing or something else.</summary>
    public long? Whole(string member)
    {
        if (_members.TryGetValue(member, out (JsonTokenType Type, Range Place) value) && value.Type == JsonTokenType.Number
            && ReaderAt(value.Place).TryGetInt64(out long number))
        {
            return number;
        }

        return null;
    }

    /// <summary>A member that is text; null where the member is missing or something else.</summary>
    /// <exception cref="SegmentationException">The text is too long.</exception>
    public string? Text(string member)
    {
        if (!_members.TryGetValue(member, out (JsonTokenType Type, Range Place) value) || value.Type != JsonTokenType.String)
        {
            return null;
        }

        if (Bytes(value.Place).Length > LongestText)
        {
            throw JsonBody.Invalid($"expected at most {LongestText:N0} bytes of text in '{member}', got more.");
        }

        return ReaderAt(value.Place).GetString();
    }

    /// <summary>Decodes a member that holds an image in base64 or as a data URL, in place: the body becomes the image, and no
    /// member can be read afterwards.</summary>
    /// <returns>The bytes; the caller disposes the buffer.</returns>
    /// <exception cref="SegmentationException">The member is missing, or not base64.</exception>
    public PooledBufferWriter TakeImage(string member)
    {
        if (!_members.TryGetValue(member, out (JsonTokenType Type, Range Place) value) || value.Type != JsonTokenType.String)
        {
            throw JsonBody.Invalid($"expected a member '{member}' with an image in base64.");
        }

        // Decoded as bytes: a string would take twice as many.
        PooledBufferWriter body = _body.Value;
        Utf8JsonReader reader = ReaderAt(value.Place);
        body.Keep((value.Place.Start.Value + 1)..(value.Place.End.Value - 1));
        Span<byte> base64 = body.Filled;
        if (reader.ValueIsEscaped)
        {
            base64 = base64[..Unescape(base64)]; // some clients escape + and /
        }

        int start = base64.StartsWith("data:"u8) ? base64.IndexOf((byte)',') + 1 : 0;
        if (Base64.DecodeFromUtf8InPlace(base64[start..], out int written) != OperationStatus.Done)
        {
            throw JsonBody.Invalid($"expected base64 in '{member}', got other characters.");
        }

        body.Keep(start..(start + written));
        return _body.Release();
    }

    private static JsonMembers? At(Owned<PooledBufferWriter> body, Range place)
    {
        (int start, int length) = place.GetOffsetAndLength(body.Value.Written.Length);
        Utf8JsonReader reader = new(body.Value.Written.Span.Slice(start, length), JsonBody.Options);
        if (reader.Read() && reader.TokenType == JsonTokenType.StartObject)
        {
            return new JsonMembers(body, start, reader);
        }

        return null;
    }

    // The reader that finds the escapes needs the quotes, so it reads a copy.
    private static int Unescape(Span<byte> text)
    {
        using PooledBufferWriter quoted = new(text.Length + 2);
        quoted.Write("\""u8);
        quoted.Write(text);
        quoted.Write("\""u8);
        Utf8JsonReader reader = new(quoted.Written.Span);
        reader.Read();
        return reader.CopyString(text);
    }

    private ReadOnlySpan<byte> Bytes(Range place) => _body.Value.Written.Span[place];

    private Utf8JsonReader ReaderAt(Range place)
    {
        Utf8JsonReader reader = new(Bytes(place), JsonBody.Options);
        reader.Read();
        return reader;
    }
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
