using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Text.Json;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Models;

namespace InferenceServer.OpenInference;

/// <summary>Writes a response as JSON, with the output's elements or with their length.</summary>
internal static class InferJson
{
    // Flushed regularly, because the writer would otherwise buffer the whole response a second time.
    private const int FlushEvery = 1 << 16;

    /// <summary>Writes a response.</summary>
    /// <param name="name">The model's name in the request.</param>
    /// <param name="model">The model.</param>
    /// <param name="request">The request.</param>
    /// <param name="output">The output.</param>
    /// <param name="cancellationToken">Cancels writing.</param>
    /// <exception cref="SegmentationException">An element is not finite.</exception>
    public static InferAnswer Write(
        string name,
        LoadedModel model,
        InferRequest request,
        OutputTensor output,
        CancellationToken cancellationToken)
    {
        bool isBinary = request.IsBinary(output.Name);
        using Owned<PooledBufferWriter> json = new(new PooledBufferWriter());
        using (Utf8JsonWriter writer = new(json.Value))
        {
            Write(writer, name, model, request.Id, output, isBinary, cancellationToken);
        }

        int length = json.Value.Written.Length;
        return new InferAnswer(json.Release(), isBinary ? output : null) { JsonLength = isBinary ? length : null };
    }

    private static void Write(
        Utf8JsonWriter writer, string name, LoadedModel model, string? id, OutputTensor output, bool isBinary,
        CancellationToken cancellationToken)
    {
        writer.WriteStartObject();
        writer.WriteString("model_name", name);
        writer.WriteString("model_version", model.Version.ToString(CultureInfo.InvariantCulture));
        if (id is not null)
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
        if (isBinary)
        {
            writer.WriteStartObject("parameters");
            writer.WriteNumber("binary_data_size", output.Data.Written.Length);
            writer.WriteEndObject();
        }
        else
        {
            writer.WriteStartArray("data");
            WriteElements(writer, output, cancellationToken);
            writer.WriteEndArray();
        }

        writer.WriteEndObject();
        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    private static void WriteElements(Utf8JsonWriter writer, OutputTensor output, CancellationToken cancellationToken)
    {
        ReadOnlySpan<byte> data = output.Data.Written.Span;
        switch (output.Datatype)
        {
            case Datatype.Float32:
                WriteFloats(writer, MemoryMarshal.Cast<byte, float>(data), output.Name, cancellationToken);
                break;
            case "INT8":
                WriteIntegers(writer, MemoryMarshal.Cast<byte, sbyte>(data), cancellationToken);
                break;
            case "UINT16":
                WriteIntegers(writer, MemoryMarshal.Cast<byte, ushort>(data), cancellationToken);
                break;
            case "INT32":
                WriteIntegers(writer, MemoryMarshal.Cast<byte, int>(data), cancellationToken);
                break;
            case "INT64":
                WriteIntegers(writer, MemoryMarshal.Cast<byte, long>(data), cancellationToken);
                break;
            default:
                WriteIntegers(writer, data, cancellationToken);
                break;
        }
    }

    private static void WriteFloats(
        Utf8JsonWriter writer, ReadOnlySpan<float> values, string name, CancellationToken cancellationToken)
    {
        for (int i = 0; i < values.Length; i++)
        {
            if (!float.IsFinite(values[i]))
            {
                throw new SegmentationException(
                    SegmentationError.InvalidRequest,
                    $"The output '{name}' has a value that is not finite, which JSON cannot hold. "
                    + "Request bytes with \"binary_data\": true.");
            }

            writer.WriteNumberValue(values[i]);
            Flush(writer, i, cancellationToken);
        }
    }

    private static void WriteIntegers<T>(
        Utf8JsonWriter writer, ReadOnlySpan<T> values, CancellationToken cancellationToken)
        where T : IBinaryInteger<T>
    {
        for (int i = 0; i < values.Length; i++)
        {
            writer.WriteNumberValue(long.CreateChecked(values[i]));
            Flush(writer, i, cancellationToken);
        }
    }

    private static void Flush(Utf8JsonWriter writer, int element, CancellationToken cancellationToken)
    {
        if (element % FlushEvery == FlushEvery - 1)
        {
            cancellationToken.ThrowIfCancellationRequested();
            writer.Flush();
        }
    }
}
