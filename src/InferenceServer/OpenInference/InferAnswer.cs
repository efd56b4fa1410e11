using System.Buffers;
using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Text.Json;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Models;

namespace InferenceServer.OpenInference;

/// <summary>Writes the JSON of an answer, with the output's elements in it or with their length.</summary>
internal static class InferAnswer
{
    // What has been written goes to the buffer now and then, or the writer would hold all of it once more.
    private const int FlushEvery = 1 << 16;

    /// <param name="name">The model's, as the client called it.</param>
    /// <param name="model">The model.</param>
    /// <param name="request">What was asked.</param>
    /// <param name="output">The answer.</param>
    /// <param name="json">Takes the text.</param>
    /// <exception cref="SegmentationException">An element has no form in JSON.</exception>
    public static void Write(string name, LoadedModel model, InferRequest request, OutputTensor output, IBufferWriter<byte> json)
    {
        using Utf8JsonWriter writer = new(json);
        writer.WriteStartObject();
        writer.WriteString("model_name", name);
        writer.WriteString("model_version", model.Version.ToString(CultureInfo.InvariantCulture));
        if (request.Id is { } id)
        {
            writer.WriteString("id", id);
        }

        writer.WriteStartArray("outputs");
        writer.WriteStartObject();
        writer.WriteString("name", output.Name);
        writer.WriteString("datatype", output.Datatype);
        writer.WriteStartArray("shape");
        foreach (long side in output.Shape)
        {
            writer.WriteNumberValue(side);
        }

        writer.WriteEndArray();
        if (request.IsBinary(output.Name))
        {
            writer.WriteStartObject("parameters");
            writer.WriteNumber("binary_data_size", output.Data.Written.Length);
            writer.WriteEndObject();
        }
        else
        {
            writer.WriteStartArray("data");
            WriteElements(writer, output);
            writer.WriteEndArray();
        }

        writer.WriteEndObject();
        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    private static void WriteElements(Utf8JsonWriter writer, OutputTensor output)
    {
        ReadOnlySpan<byte> data = output.Data.Written.Span;
        switch (output.Datatype)
        {
            case Datatype.Float32:
                WriteFloats(writer, MemoryMarshal.Cast<byte, float>(data), output.Name);
                break;
            case "INT8":
                WriteIntegers(writer, MemoryMarshal.Cast<byte, sbyte>(data));
                break;
            case "INT32":
                WriteIntegers(writer, MemoryMarshal.Cast<byte, int>(data));
                break;
            case "INT64":
                WriteIntegers(writer, MemoryMarshal.Cast<byte, long>(data));
                break;
            default:
                WriteIntegers(writer, data);
                break;
        }
    }

    private static void WriteFloats(Utf8JsonWriter writer, ReadOnlySpan<float> values, string name)
    {
        for (int i = 0; i < values.Length; i++)
        {
            writer.WriteNumberValue(float.IsFinite(values[i]) ? values[i] : throw new SegmentationException(
                SegmentationError.InvalidRequest, $"The output '{name}' holds a value that is not finite, which JSON cannot say; ask for it with \"binary_data\": true."));
            Flush(writer, i);
        }
    }

    private static void WriteIntegers<T>(Utf8JsonWriter writer, ReadOnlySpan<T> values)
        where T : IBinaryInteger<T>
    {
        for (int i = 0; i < values.Length; i++)
        {
            writer.WriteNumberValue(long.CreateChecked(values[i]));
            Flush(writer, i);
        }
    }

    private static void Flush(Utf8JsonWriter writer, int element)
    {
        if (element % FlushEvery == FlushEvery - 1)
        {
            writer.Flush();
        }
    }
}
