using System.Buffers.Binary;
using System.Text.Json;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;

namespace InferenceServer.OpenInference;

/// <summary>Reads the body of an infer request: JSON, and behind it the tensors that are not in it.</summary>
/// <remarks>Binary tensor data extension: the header <c>Inference-Header-Content-Length</c> is the length of the
/// JSON; 0 says that there is none, and that the body is the only input.</remarks>
internal static class InferRequestReader
{
    /// <param name="body">All of it, which stays the caller's and unchanged until the request is disposed.</param>
    /// <param name="headerLength">Bytes of JSON; null where the body is nothing else.</param>
    /// <param name="cancellationToken">Ends the reading of many elements.</param>
    /// <returns>The request, which the caller disposes.</returns>
    /// <exception cref="SegmentationException">It is malformed.</exception>
    public static InferRequest Read(ReadOnlyMemory<byte> body, int? headerLength, CancellationToken cancellationToken)
    {
        if (headerLength == 0)
        {
            return new InferRequest { Inputs = [new InferInput { Data = body, Elements = [body] }], BinaryByDefault = true };
        }

        if (headerLength > body.Length)
        {
            throw Invalid($"Inference-Header-Content-Length is {headerLength}, the body has {body.Length} bytes.");
        }

        ReadOnlyMemory<byte> json = body[..(headerLength ?? body.Length)];
        using Owned<InferRequest> owned = new(new InferRequest());
        InferRequest request = owned.Value;
        try
        {
            List<JsonTensor> inputs = [];
            Read(json.Span, request, inputs);
            request.Inputs = Attach(request, inputs, json, body[json.Length..], cancellationToken);
            request.BinaryByDefault = request.Parameters.Flag("binary_data_output") ?? false;
            return owned.Release();
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            throw Invalid("The body cannot be parsed as JSON of this protocol: " + e.Message, e);
        }
    }

    private static void Read(ReadOnlySpan<byte> json, InferRequest request, List<JsonTensor> inputs)
    {
        Utf8JsonReader reader = new(json);
        reader.Read();
        JsonReaderExtensions.Expect(reader, JsonTokenType.StartObject, "the body");
        List<InferOutput> outputs = [];
        while (JsonReaderExtensions.NextMember(ref reader) is { } member)
        {
            switch (member)
            {
                case "id":
                    request.Id = JsonReaderExtensions.Text(ref reader, member);
                    break;
                case "parameters":
                    request.Parameters = InferParameters.Read(ref reader);
                    break;
                case "inputs":
                    JsonReaderExtensions.Expect(reader, JsonTokenType.StartArray, member);
                    while (JsonReaderExtensions.NextElement(ref reader))
                    {
                        inputs.Add(JsonTensor.Read(ref reader));
                        InferLimits.Check(inputs.Count, InferLimits.Tensors, member);
                    }

                    break;
                case "outputs":
                    JsonReaderExtensions.Expect(reader, JsonTokenType.StartArray, member);
                    while (JsonReaderExtensions.NextElement(ref reader))
                    {
                        JsonTensor output = JsonTensor.Read(ref reader);
                        outputs.Add(new InferOutput(output.Name, output.Parameters));
                        InferLimits.Check(outputs.Count, InferLimits.Tensors, member);
                    }

                    break;
                default:
                    reader.Skip();
                    break;
            }
        }

        if (reader.Read())
        {
            throw new JsonException("something follows the object");
        }

        request.Outputs = outputs;
    }

    // In the order of the JSON, whatever lies in it taken from there.
    private static List<InferInput> Attach(
        InferRequest request, List<JsonTensor> texts, ReadOnlyMemory<byte> json, ReadOnlyMemory<byte> rest,
        CancellationToken cancellationToken)
    {
        List<InferInput> inputs = [];
        foreach (JsonTensor text in texts)
        {
            if (text.Data is { } range)
            {
                inputs.Add(text.Parse(request, json[range], cancellationToken));
                continue;
            }

            // One input's size can be left out: it is all that there is, and an image then stands without its length before it.
            bool isSized = text.Parameters.Has("binary_data_size");
            long size = text.Parameters.Number("binary_data_size")
                ?? (texts.Count == 1 && rest.Length > 0 ? rest.Length : throw Invalid($"The input '{text.Name}' " +
                    "has neither data nor parameters.binary_data_size."));
            if (size > rest.Length)
            {
                throw Invalid(
                    $"The input '{text.Name}' has a binary_data_size of {size}, but only {rest.Length} bytes are " +
                    "left of the body.");
            }

            ReadOnlyMemory<byte> data = rest[..(int)size];
            rest = rest[(int)size..];
            inputs.Add(text.Attach(data, text.Datatype == Datatype.Bytes ? Elements(data, text.Name, isSized) : []));
        }

        return rest.Length == 0 ? inputs : throw Invalid($"{rest.Length} bytes of the body belong to no input.");
    }

    /// <summary>Takes apart elements that each have their length before them.</summary>
    /// <param name="data">The elements.</param>
    /// <param name="name">Of their tensor.</param>
    /// <param name="isSized">False where lengths may be missing, and all then is one element.</param>
    /// <exception cref="SegmentationException">The lengths do not add up.</exception>
    public static IReadOnlyList<ReadOnlyMemory<byte>> Elements(ReadOnlyMemory<byte> data, string name, bool isSized)
    {
        List<ReadOnlyMemory<byte>> elements = [];
        for (ReadOnlyMemory<byte> rest = data; rest.Length > 0;)
        {
            uint length = rest.Length < sizeof(uint) ? uint.MaxValue : BinaryPrimitives.ReadUInt32LittleEndian(rest.Span);
            if (length > rest.Length - sizeof(uint))
            {
                return isSized
                    ? throw Invalid(
                        $"The elements of '{name}' do not fit: each has four bytes before it, its length with the " +
                        "least significant first.")
                    : [data];
            }

            elements.Add(rest.Slice(sizeof(uint), (int)length));
            InferLimits.Check(elements.Count, InferLimits.Elements, "elements");
            rest = rest[(sizeof(uint) + (int)length)..];
        }

        return elements;
    }

    private static SegmentationException Invalid(string message, Exception? cause = null) =>
        new(SegmentationError.InvalidRequest, message, cause);
}
