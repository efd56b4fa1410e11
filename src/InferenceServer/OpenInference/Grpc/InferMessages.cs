using System.Globalization;
using System.Runtime.InteropServices;
using Google.Protobuf;
using InferenceServer.OpenInference.Grpc.Messages;
using InferenceServer.Runtime.Models;

namespace InferenceServer.OpenInference.Grpc;

/// <summary>Reads the target of an infer message, and writes the message of the response.</summary>
internal static class InferMessages
{
    private static readonly uint Name = WireField.Sized(ModelInferRequest.ModelNameFieldNumber);
    private static readonly uint Version = WireField.Sized(ModelInferRequest.ModelVersionFieldNumber);

    /// <summary>Bytes at the start of a message that are searched for the model's name.</summary>
    public const int Head = 4096;

    /// <summary>The model and version that a message names, as far as the start of the message shows: they are its
    /// first fields.</summary>
    public static (string Model, string Version) Peek(ReadOnlyMemory<byte> beginning)
    {
        string model = "", version = "";
        try
        {
            CodedInputStream input = MemoryMarshal.TryGetArray(beginning, out ArraySegment<byte> bytes)
                ? new CodedInputStream(bytes.Array!, bytes.Offset, bytes.Count)
                : new CodedInputStream(beginning.ToArray());
            for (uint tag = input.ReadTag(); tag == Name || tag == Version; tag = input.ReadTag())
            {
                (model, version) = tag == Name ? (input.ReadString(), version) : (model, input.ReadString());
            }
        }
        catch (InvalidProtocolBufferException)
        {
            // The part ends within a later field, which is neither of these two.
        }

        return (model, version);
    }

    /// <summary>The message of a response; the last field is the output's bytes, which are not copied.</summary>
    public static InferAnswer Answer(string name, LoadedModel model, InferRequest request, OutputTensor output)
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
        return new InferAnswer(
            GrpcMessage.Frame(
                response,
                WireField.Sized(ModelInferResponse.RawOutputContentsFieldNumber),
                output.Data.Written.Length),
            output);
    }
}
