using System.Globalization;
using System.Runtime.InteropServices;
using Google.Protobuf;
using InferenceServer.OpenInference.Grpc.Messages;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Models;

namespace InferenceServer.OpenInference.Grpc;

/// <summary>Reads the target of an infer message, and writes the message of the response.</summary>
internal static class InferMessages
{
    private static readonly uint Name = WireField.Sized(ModelInferRequest.ModelNameFieldNumber);
    private static readonly uint Version = WireField.Sized(ModelInferRequest.ModelVersionFieldNumber);
    private static readonly uint Id = WireField.Sized(ModelInferRequest.IdFieldNumber);
    private static readonly uint InStream = WireField.Sized(ModelStreamInferResponse.InferResponseFieldNumber);
    private static readonly InferParameter Yes = new() { BoolParam = true };

    // Triton's clients of streams look for it, since its models may answer a message several times.
    private const string Final = "triton_final_response";

    /// <summary>Bytes at the start of a message that are searched for the model's name.</summary>
    public const int Head = 4096;

    /// <summary>What a message names, as far as the start of the message shows: the first fields.</summary>
    public static InferTarget Peek(ReadOnlyMemory<byte> beginning)
    {
        InferTarget target = new("", "", "");
        try
        {
            CodedInputStream input = MemoryMarshal.TryGetArray(beginning, out ArraySegment<byte> bytes)
                ? new CodedInputStream(bytes.Array!, bytes.Offset, bytes.Count)
                : new CodedInputStream(beginning.ToArray());
            for (uint tag = input.ReadTag(); tag == Name || tag == Version || tag == Id; tag = input.ReadTag())
            {
                string text = input.ReadString();
                if (tag == Name)
                {
                    target = target with { Model = text };
                }
                else if (tag == Version)
                {
                    target = target with { Version = text };
                }
                else
                {
                    target = target with { Id = text };
                }
            }
        }
        catch (InvalidProtocolBufferException)
        {
            // The part ends within a later field, which is none of these.
        }

        return target;
    }

    /// <summary>The message of a response; the last field is the output's bytes, which are not copied.</summary>
    /// <param name="name">The model's name in the request.</param>
    /// <param name="model">The model.</param>
    /// <param name="request">The request.</param>
    /// <param name="output">The output.</param>
    /// <param name="inStream">Whether the response is one of a stream.</param>
    public static InferAnswer Answer(string name, LoadedModel model, InferRequest request, OutputTensor output, bool inStream)
    {
        ModelInferResponse response = new()
        {
            ModelName = name,
            ModelVersion = model.Version.ToString(CultureInfo.InvariantCulture),
            Id = request.Id ?? "",
            Outputs =
            {
                new ModelInferResponse.Types.InferOutputTensor
                {
                    Name = output.Name,
                    Datatype = output.Datatype,
                    Shape = { output.Shape },
                },
            },
        };
        if (inStream)
        {
            response.Parameters[Final] = Yes;
        }

        return new InferAnswer(
            GrpcMessage.Frame(
                response,
                WireField.Sized(ModelInferResponse.RawOutputContentsFieldNumber),
                output.Data.Written.Length,
                inStream ? InStream : null),
            output);
    }

    /// <summary>The message of a stream that says which request failed, and why.</summary>
    public static PooledBufferWriter Failure(InferTarget target, string message) => GrpcMessage.Frame(new ModelStreamInferResponse
    {
        ErrorMessage = message,
        InferResponse = new ModelInferResponse
        {
            ModelName = target.Model,
            ModelVersion = target.Version,
            Id = target.Id,
            Parameters = { [Final] = Yes },
        },
    });
}

/// <summary>What an infer message names.</summary>
/// <param name="Model">The model's name; empty without one.</param>
/// <param name="Version">The model's version; empty for the newest.</param>
/// <param name="Id">The request's ID; empty without one.</param>
internal readonly record struct InferTarget(string Model, string Version, string Id);
