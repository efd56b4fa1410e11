using Google.Protobuf;
using Google.Protobuf.Collections;
using InferenceServer.OpenInference.Grpc.Messages;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;
using Input = InferenceServer.OpenInference.Grpc.Messages.ModelInferRequest.Types.InferInputTensor;

namespace InferenceServer.OpenInference.Grpc;

/// <summary>Reads the message of an infer request. Raw tensors, most of the message, are not copied.</summary>
/// <remarks>A protobuf parser makes objects of all fields before they can be counted, some a hundred times as large as
/// their bytes. So the parser gets only the fields beside the tensors, and their size is limited.</remarks>
internal sealed class InferMessageReader
{
    private const int MostParsed = 64 * 1024;
    private static readonly uint Inputs = WireField.Sized(ModelInferRequest.InputsFieldNumber);
    private static readonly uint Raw = WireField.Sized(ModelInferRequest.RawInputContentsFieldNumber);
    private static readonly uint Contents = WireField.Sized(Input.ContentsFieldNumber);
    private static readonly uint PackedFloats = WireField.Sized(InferTensorContents.Fp32ContentsFieldNumber);
    private static readonly uint OneFloat = WireFormat.MakeTag(InferTensorContents.Fp32ContentsFieldNumber, WireFormat.WireType.Fixed32);
    private static readonly uint Element = WireField.Sized(InferTensorContents.BytesContentsFieldNumber);

    private int _parsed;

    /// <summary>Reads a request.</summary>
    /// <param name="message">The whole message; the caller keeps it unchanged until the request is disposed.</param>
    /// <returns>The request; the caller disposes it.</returns>
    /// <exception cref="SegmentationException">The message contradicts itself, or has too many parts.</exception>
    /// <exception cref="InvalidProtocolBufferException">The message cannot be parsed.</exception>
    public static InferRequest Read(ReadOnlyMemory<byte> message)
    {
        using Owned<InferRequest> request = new(new InferRequest { BinaryByDefault = true });
        new InferMessageReader().Read(message, request.Value);
        return request.Release();
    }

    private void Read(ReadOnlyMemory<byte> message, InferRequest request)
    {
        List<InferInput> inputs = [];
        List<ReadOnlyMemory<byte>> raw = [];
        using PooledBufferWriter rest = new();
        foreach (WireField field in WireField.Of(message))
        {
            if (field.Tag == Inputs)
            {
                InferLimits.Check(inputs.Count + 1, InferLimits.Tensors, "inputs");
                inputs.Add(ReadInput(field.Value, request));
            }
            else if (field.Tag == Raw)
            {
                InferLimits.Check(raw.Count + 1, InferLimits.Tensors, "raw_input_contents");
                raw.Add(field.Value);
            }
            else
            {
                Keep(field, rest);
            }
        }

        ModelInferRequest head = ModelInferRequest.Parser.ParseFrom(rest.Written.Span);
        InferLimits.Check(head.Outputs.Count, InferLimits.Tensors, "outputs");
        request.Id = head.Id.Length == 0 ? null : head.Id;
        request.Parameters = Parameters(head.Parameters);
        request.Outputs = [.. head.Outputs.Select(o => new InferOutput(o.Name, Parameters(o.Parameters)))];
        request.Inputs = raw.Count == 0 ? inputs : Attach(inputs, raw);
    }

    private InferInput ReadInput(ReadOnlyMemory<byte> tensor, InferRequest request)
    {
        PooledBufferWriter? floats = null;
        List<ReadOnlyMemory<byte>> elements = [];
        using PooledBufferWriter rest = new();
        foreach (WireField field in WireField.Of(tensor))
        {
            if (field.Tag != Contents)
            {
                Keep(field, rest);
                continue;
            }

            foreach (WireField content in WireField.Of(field.Value))
            {
                if (content.Tag == PackedFloats || content.Tag == OneFloat)
                {
                    floats ??= request.Own(new PooledBufferWriter(field.Value.Length));
                    content.Value.CopyTo(floats.GetMemory(content.Value.Length));
                    floats.Advance(content.Value.Length);
                }
                else if (content.Tag == Element)
                {
                    InferLimits.Check(elements.Count + 1, InferLimits.Elements, "elements");
                    elements.Add(content.Value);
                }
                else
                {
                    throw Invalid(
                        "Expected the contents of an input in fp32_contents or bytes_contents, found field " +
                        $"{WireFormat.GetTagFieldNumber(content.Tag)}.");
                }
            }
        }

        Input head = Input.Parser.ParseFrom(rest.Written.Span);
        InferLimits.Check(head.Shape.Count, InferLimits.Sides, "shape");
        return new InferInput
        {
            Name = head.Name,
            Datatype = head.Datatype,
            Shape = head.Shape,
            Parameters = Parameters(head.Parameters),
            Data = floats?.Written ?? default,
            Elements = elements,
        };
    }

    private static List<InferInput> Attach(List<InferInput> inputs, List<ReadOnlyMemory<byte>> raw)
    {
        if (raw.Count != inputs.Count || inputs.Any(i => i.Data.Length > 0 || i.Elements.Count > 0))
        {
            throw Invalid(
                $"raw_input_contents: expected one tensor for each of {inputs.Count} inputs, which then have no " +
                $"contents, got {raw.Count} tensors.");
        }

        return [.. inputs.Zip(raw, (input, bytes) => input.Datatype == Datatype.Bytes
            ? input with { Elements = InferRequestReader.Elements(bytes, input.Name!, isSized: input.Shape is not [1]) }
            : input with { Data = bytes })];
    }

    private void Keep(WireField field, PooledBufferWriter rest)
    {
        _parsed += field.Whole.Length;
        if (_parsed > MostParsed)
        {
            throw Invalid($"Expected at most {MostParsed:N0} bytes beside its tensors, got more.");
        }

        field.Whole.CopyTo(rest.GetMemory(field.Whole.Length));
        rest.Advance(field.Whole.Length);
    }

    private static InferParameters Parameters(MapField<string, InferParameter> parameters)
    {
        InferLimits.Check(parameters.Count, InferLimits.Parameters, "parameters");
        if (parameters.Count == 0)
        {
            return InferParameters.None;
        }

        return new InferParameters(parameters.ToDictionary(p => p.Key, object (p) => p.Value.ParameterChoiceCase switch
        {
            InferParameter.ParameterChoiceOneofCase.BoolParam => p.Value.BoolParam,
            InferParameter.ParameterChoiceOneofCase.Int64Param => p.Value.Int64Param,
            InferParameter.ParameterChoiceOneofCase.DoubleParam => p.Value.DoubleParam,
            InferParameter.ParameterChoiceOneofCase.Uint64Param => (long)Math.Min(p.Value.Uint64Param, long.MaxValue),
            _ => p.Value.StringParam,
        }));
    }

    private static SegmentationException Invalid(string message) => new(SegmentationError.InvalidRequest, message);
}
