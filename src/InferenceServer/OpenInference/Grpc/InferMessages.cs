using System.Globalization;
using System.Runtime.InteropServices;
using Google.Protobuf;
using Google.Protobuf.Collections;
using InferenceServer.OpenInference.Grpc.Messages;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Models;

namespace InferenceServer.OpenInference.Grpc;

/// <summary>Infer requests and answers as messages. Raw tensors are not copied out of a request: they are most of it.</summary>
internal static class InferMessages
{
    private const uint Name = (ModelInferRequest.ModelNameFieldNumber << 3) | (uint)WireFormat.WireType.LengthDelimited;
    private const uint Version = (ModelInferRequest.ModelVersionFieldNumber << 3) | (uint)WireFormat.WireType.LengthDelimited;
    private const uint Raw = (ModelInferRequest.RawInputContentsFieldNumber << 3) | (uint)WireFormat.WireType.LengthDelimited;

    /// <summary>Bytes at the beginning of a message among which its model is looked for.</summary>
    public const int Head = 4096;

    /// <summary>The model and version that a message is for, as far as its beginning tells: they are its first fields.</summary>
    public static (string Model, string Version) Peek(ReadOnlyMemory<byte> beginning)
    {
        string model = "", version = "";
        try
        {
            CodedInputStream input = Stream(beginning);
            for (uint tag = input.ReadTag(); tag is Name or Version; tag = input.ReadTag())
            {
                (model, version) = tag == Name ? (input.ReadString(), version) : (model, input.ReadString());
            }
        }
        catch (InvalidProtocolBufferException)
        {
            // It breaks off in the middle of a field, which then is none of these two.
        }

        return (model, version);
    }

    /// <summary>Reads a request.</summary>
    /// <param name="message">All of it, which stays the caller's and unchanged until the request is disposed.</param>
    /// <returns>The request, which the caller disposes.</returns>
    /// <exception cref="SegmentationException">It contradicts itself.</exception>
    /// <exception cref="InvalidProtocolBufferException">It is no such message.</exception>
    public static InferRequest Read(ReadOnlyMemory<byte> message)
    {
        (ModelInferRequest head, List<ReadOnlyMemory<byte>> raw) = Split(message);
        if (raw.Count > 0 && (raw.Count != head.Inputs.Count || head.Inputs.Any(i => i.Contents is not null)))
        {
            throw Invalid($"raw_input_contents has {raw.Count} tensors for {head.Inputs.Count} inputs; it has one for each, and none has contents then.");
        }

        InferRequest request = new() { Id = head.Id.Length == 0 ? null : head.Id, Parameters = Parameters(head.Parameters) };
        try
        {
            request.Inputs = [.. head.Inputs.Select((input, i) => Input(input, raw.Count > 0 ? raw[i] : default(ReadOnlyMemory<byte>?), request))];
            request.Outputs = [.. head.Outputs.Select(o => new InferOutput(o.Name, Parameters(o.Parameters)))];
            return request;
        }
        catch
        {
            request.Dispose();
            throw;
        }
    }

    /// <summary>The message of an answer, which refers to the output's memory.</summary>
    public static ModelInferResponse Answer(string name, LoadedModel model, InferRequest request, OutputTensor output) => new()
    {
        ModelName = name,
        ModelVersion = model.Version.ToString(CultureInfo.InvariantCulture),
        Id = request.Id ?? "",
        Outputs = { new ModelInferResponse.Types.InferOutputTensor { Name = output.Name, Datatype = output.Datatype, Shape = { output.Shape } } },
        RawOutputContents = { UnsafeByteOperations.UnsafeWrap(output.Data.Written) },
    };

    // The parser would copy each raw tensor into an array of its own.
    private static (ModelInferRequest Head, List<ReadOnlyMemory<byte>> Raw) Split(ReadOnlyMemory<byte> message)
    {
        using PooledBufferWriter rest = new();
        List<ReadOnlyMemory<byte>> raw = [];
        CodedInputStream input = Stream(message);
        long first = input.Position; // it counts from the array's beginning
        for (int start = 0; input.ReadTag() is not 0 and var tag; start = (int)(input.Position - first))
        {
            input.SkipLastField();
            ReadOnlyMemory<byte> field = message[start..(int)(input.Position - first)];
            if (tag == Raw)
            {
                CodedInputStream alone = Stream(field);
                alone.ReadTag();
                raw.Add(field[^alone.ReadLength()..]);
                continue;
            }

            field.CopyTo(rest.GetMemory(field.Length));
            rest.Advance(field.Length);
        }

        return (ModelInferRequest.Parser.ParseFrom(rest.Written.Span), raw);
    }

    private static CodedInputStream Stream(ReadOnlyMemory<byte> bytes) =>
        MemoryMarshal.TryGetArray(bytes, out ArraySegment<byte> segment) ? new CodedInputStream(segment.Array!, segment.Offset, segment.Count) : new CodedInputStream(bytes.ToArray());

    private static InferInput Input(ModelInferRequest.Types.InferInputTensor tensor, ReadOnlyMemory<byte>? raw, InferRequest request)
    {
        InferInput input = new() { Name = tensor.Name, Datatype = tensor.Datatype, Shape = tensor.Shape, Parameters = Parameters(tensor.Parameters) };
        return (tensor.Datatype, raw) switch
        {
            (Datatype.Bytes, { } bytes) => input with { Elements = InferRequestReader.Elements(bytes, tensor.Name, isSized: tensor.Shape.Count != 1 || tensor.Shape[0] != 1) },
            (Datatype.Bytes, null) => input with { Elements = [.. (tensor.Contents?.BytesContents ?? []).Select(b => b.Memory)] },
            (_, { } bytes) => input with { Data = bytes },
            (Datatype.Float32, null) => input with { Data = Floats(tensor.Contents?.Fp32Contents ?? [], request) },
            _ => throw Invalid($"The input '{tensor.Name}': expected {Datatype.Float32} or {Datatype.Bytes}, found '{tensor.Datatype}'."),
        };
    }

    private static ReadOnlyMemory<byte> Floats(RepeatedField<float> values, InferRequest request)
    {
        PooledBuffer<byte> bytes = request.Own(new PooledBuffer<byte>(values.Count * sizeof(float)));
        Span<float> floats = MemoryMarshal.Cast<byte, float>(bytes.Span);
        for (int i = 0; i < floats.Length; i++)
        {
            floats[i] = values[i];
        }

        return bytes.Memory;
    }

    private static InferParameters Parameters(MapField<string, InferParameter> parameters) => parameters.Count == 0 ? InferParameters.None : new InferParameters(parameters.ToDictionary(p => p.Key, object (p) => p.Value.ParameterChoiceCase switch
    {
        InferParameter.ParameterChoiceOneofCase.BoolParam => p.Value.BoolParam,
        InferParameter.ParameterChoiceOneofCase.Int64Param => p.Value.Int64Param,
        InferParameter.ParameterChoiceOneofCase.DoubleParam => p.Value.DoubleParam,
        InferParameter.ParameterChoiceOneofCase.Uint64Param => (long)Math.Min(p.Value.Uint64Param, long.MaxValue),
        _ => p.Value.StringParam,
    }));

    private static SegmentationException Invalid(string message) => new(SegmentationError.InvalidRequest, message);
}
