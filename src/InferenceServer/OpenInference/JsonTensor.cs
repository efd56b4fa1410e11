using System.Buffers;
using System.Buffers.Text;
using System.Runtime.InteropServices;
using System.Text.Json;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;

namespace InferenceServer.OpenInference;

/// <summary>A tensor in JSON. The data are parsed after the whole object was read, because the data may precede the
/// datatype.</summary>
internal sealed record JsonTensor
{
    private const int BytesBetweenLooks = 1 << 18;

    public string Name { get; private set; } = "";

    public string Datatype { get; private set; } = "";

    public IReadOnlyList<long> Shape { get; private set; } = [];

    public InferParameters Parameters { get; private set; } = InferParameters.None;

    /// <summary>The position of the data in the JSON; null where the data are not in the JSON.</summary>
    public Range? Data { get; private set; }

    /// <summary>Reads an object; the reader is at its start.</summary>
    public static JsonTensor Read(ref Utf8JsonReader reader)
    {
        JsonReaderExtensions.Expect(reader, JsonTokenType.StartObject, "a tensor");
        JsonTensor tensor = new();
        while (JsonReaderExtensions.NextMember(ref reader) is { } member)
        {
            switch (member)
            {
                case "name":
                    tensor.Name = JsonReaderExtensions.Text(ref reader, member);
                    break;
                case "datatype":
                    tensor.Datatype = JsonReaderExtensions.Text(ref reader, member);
                    break;
                case "shape":
                    tensor.Shape = ReadShape(ref reader);
                    break;
                case "parameters":
                    tensor.Parameters = InferParameters.Read(ref reader);
                    break;
                case "data":
                    JsonReaderExtensions.Expect(reader, JsonTokenType.StartArray, member);
                    int start = (int)reader.TokenStartIndex;
                    reader.Skip();
                    tensor.Data = start..(int)reader.BytesConsumed;
                    break;
                default:
                    reader.Skip();
                    break;
            }
        }

        return tensor;
    }

    /// <summary>Makes the input from binary data.</summary>
    public InferInput Attach(ReadOnlyMemory<byte> data, IReadOnlyList<ReadOnlyMemory<byte>> elements) =>
        new() { Name = Name, Datatype = Datatype, Shape = Shape, Parameters = Parameters, Data = data, Elements = elements };

    /// <summary>Makes the input from data in JSON, flat or nested, in the order of the axes.</summary>
    /// <param name="request">Owns the memory of the data.</param>
    /// <param name="data">The array.</param>
    /// <param name="cancellationToken">Cancels parsing.</param>
    /// <exception cref="SegmentationException">The data do not match the datatype.</exception>
    public InferInput Parse(InferRequest request, ReadOnlyMemory<byte> data, CancellationToken cancellationToken)
    {
        Utf8JsonReader reader = new(data.Span);
        switch (Datatype)
        {
            case OpenInference.Datatype.Float32:
                return Attach(
                    Floats(ref reader, request.Own(new PooledBufferWriter(data.Length)), cancellationToken), []);
            case OpenInference.Datatype.Bytes:
                return Attach(default, Texts(ref reader, request));
            default:
                throw Invalid(
                    $"expected an input of {OpenInference.Datatype.Float32} or {OpenInference.Datatype.Bytes}, got "
                    + $"'{Datatype}'");
        }
    }

    private static List<long> ReadShape(ref Utf8JsonReader reader)
    {
        JsonReaderExtensions.Expect(reader, JsonTokenType.StartArray, "shape");
        List<long> shape = [];
        while (JsonReaderExtensions.NextElement(ref reader))
        {
            JsonReaderExtensions.Expect(reader, JsonTokenType.Number, "shape");
            shape.Add(reader.GetInt64());
            InferLimits.Check(shape.Count, InferLimits.Sides, "shape");
        }

        return shape;
    }

    private ReadOnlyMemory<byte> Floats(
        ref Utf8JsonReader reader, PooledBufferWriter values, CancellationToken cancellationToken)
    {
        while (reader.Read())
        {
            if (reader.TokenType is JsonTokenType.StartArray or JsonTokenType.EndArray)
            {
                continue;
            }

            if (reader.TokenType != JsonTokenType.Number)
            {
                throw Invalid("expected numbers in data");
            }

            MemoryMarshal.Write(values.GetSpan(sizeof(float)), reader.GetSingle());
            values.Advance(sizeof(float));
            if (values.Written.Length % BytesBetweenLooks == 0)
            {
                cancellationToken.ThrowIfCancellationRequested();
            }
        }

        return values.Written;
    }

    // JSON has no bytes, so encoded images are base64.
    private List<ReadOnlyMemory<byte>> Texts(ref Utf8JsonReader reader, InferRequest request)
    {
        List<ReadOnlyMemory<byte>> elements = [];
        while (reader.Read())
        {
            if (reader.TokenType is JsonTokenType.StartArray or JsonTokenType.EndArray)
            {
                continue;
            }

            if (reader.TokenType != JsonTokenType.String)
            {
                throw NoBase64();
            }

            InferLimits.Check(elements.Count + 1, InferLimits.Elements, "elements");
            PooledBufferWriter element = request.Own(new PooledBufferWriter(reader.ValueSpan.Length));
            Span<byte> room = element.GetSpan(reader.ValueSpan.Length);
            int length = reader.CopyString(room); // removes escapes, because some clients escape / and +
            element.Advance(
                Base64.DecodeFromUtf8InPlace(room[..length], out int written) == OperationStatus.Done
                    ? written
                    : throw NoBase64());
            elements.Add(element.Written);
        }

        return elements;
    }

    private SegmentationException NoBase64() => Invalid("expected texts in base64 in data");

    private SegmentationException Invalid(string expected) =>
        new(SegmentationError.InvalidRequest, $"The input '{Name}': {expected}.");
}

/// <summary>Reads JSON token by token, with errors that name the member and the expected type.</summary>
internal static class JsonReaderExtensions
{
    /// <summary>Moves to the next member's value and returns its name; null at the end of the object.</summary>
    public static string? NextMember(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType == JsonTokenType.EndObject)
        {
            return null;
        }

        string name = Text(ref reader);
        reader.Read();
        return name;
    }

    /// <summary>Moves to the next element of an array; false at its end.</summary>
    public static bool NextElement(ref Utf8JsonReader reader) =>
        reader.Read() && reader.TokenType != JsonTokenType.EndArray;

    /// <summary>The current text.</summary>
    /// <exception cref="SegmentationException">The current token is not a text, or the text is too long.</exception>
    public static string Text(ref Utf8JsonReader reader, string member)
    {
        Expect(reader, JsonTokenType.String, member);
        return Text(ref reader);
    }

    /// <summary>The current text or name.</summary>
    /// <exception cref="SegmentationException">The text is too long.</exception>
    public static string Text(ref Utf8JsonReader reader)
    {
        if (reader.ValueSpan.Length <= InferLimits.TextBytes)
        {
            return reader.GetString()!;
        }

        throw new SegmentationException(
            SegmentationError.InvalidRequest,
            $"Expected at most {InferLimits.TextBytes:N0} bytes in a name or text, got {reader.ValueSpan.Length:N0}.");
    }

    /// <exception cref="SegmentationException">The current token has another type.</exception>
    public static void Expect(in Utf8JsonReader reader, JsonTokenType type, string member)
    {
        if (reader.TokenType != type)
        {
            throw new SegmentationException(
                SegmentationError.InvalidRequest, $"{member}: expected {Name(type)}, got {Name(reader.TokenType)}.");
        }
    }

    private static string Name(JsonTokenType type) => type switch
    {
        JsonTokenType.StartObject => "an object",
        JsonTokenType.StartArray => "an array",
        JsonTokenType.String => "a text",
        JsonTokenType.Number => "a number",
        _ => "something else",
    };
}
