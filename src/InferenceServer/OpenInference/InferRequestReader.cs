using System.Buffers.Binary;
using System.Text.Json;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;

namespace InferenceServer.OpenInference;

/// <summary>Reads the body of a request for inference: JSON, followed by binary tensors.</summary>
/// <remarks>Binary tensor data extension: the header <c>Inference-Header-Content-Length</c> is the length of the JSON;
/// with 0 there is no JSON, and the body is the only input.</remarks>
internal static class InferRequestReader
{
    /// <summary>Reads a body.</summary>
    /// <param name="body">The whole body; the caller keeps it unchanged until the request is disposed.</param>
    /// <param name="headerLength">Bytes of JSON; null where the body is JSON alone.</param>
    /// <param name="cancellationToken">Cancels reading.</param>
    /// <returns>The request; the caller disposes it.</returns>
    /// <exception cref="SegmentationException">The body is malformed.</exception>
    public static InferRequest Read(ReadOnlyMemory<byte> body, int? headerLength, CancellationToken cancellationToken)
    {
        if (headerLength == 0)
        {
            return new InferRequest { Inputs = [new InferInput { Data = body, Elements = [body] }], BinaryByDefault = true };
        }

        if (headerLength > body.Length)
        {
            throw Invalid(
                "Inference-Header-Content-Length: "
                + $"expected at most the body's {body.Length} bytes, got {headerLength}.");
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

    // Inputs keep the order of the JSON; the data of each are in the JSON or in the bytes after the JSON.
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

            // A single input needs no size: its data are the rest of the body, and an image then has no length before
            // it.
            bool isSized = text.Parameters.Has("binary_data_size");
            long? whole = texts.Count == 1 && rest.Length > 0 ? rest.Length : null;
            long size = text.Parameters.Number("binary_data_size") ?? whole
                ?? throw Invalid($"The input '{text.Name}': expected data or parameters.binary_data_size, got neither.");
            if (size > rest.Length)
            {
                throw Invalid(
                    $"The input '{text.Name}': expected a binary_data_size of at most {rest.Length}, the rest of the "
                    + $"body, got {size}.");
            }

            ReadOnlyMemory<byte> data = rest[..(int)size];
            rest = rest[(int)size..];
            inputs.Add(text.Attach(data, text.Datatype == Datatype.Bytes ? Elements(data, text.Name, isSized) : []));
        }

        if (rest.Length == 0)
        {
            return inputs;
        }

        throw Invalid(
            $"Expected the end of the body after the last input, got {rest.Length} bytes more.");
    }

    /// <summary>Splits elements that each have their length before them.</summary>
    /// <param name="data">The elements.</param>
    /// <param name="name">The tensor's name.</param>
    /// <param name="isSized">False where the data may be a single element without a length.</param>
    /// <exception cref="SegmentationException">The lengths do not fit the data.</exception>
    public static IReadOnlyList<ReadOnlyMemory<byte>> Elements(ReadOnlyMemory<byte> data, string name, bool isSized)
    {
        List<ReadOnlyMemory<byte>> elements = [];
        for (ReadOnlyMemory<byte> rest = data; rest.Length > 0;)
        {
            uint length = rest.Length < sizeof(uint) ? uint.MaxValue : BinaryPrimitives.ReadUInt32LittleEndian(
                rest.Span);
            if (length > rest.Length - sizeof(uint))
            {
                if (isSized)
                {
                    throw Invalid(
                        $"The elements of '{name}': expected four bytes of length before each, little-endian, "
                        + "got a length that exceeds the data.");
                }

                return [data];
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
