using System.Buffers;
using System.IO.Pipelines;
using System.Text.Encodings.Web;
using System.Text.Json;
using InferenceServer.Errors;

namespace InferenceServer.Bulk;

/// <summary>Writes a line of JSON for each image. Masks that are not JSON are base64.</summary>
internal sealed class NdjsonWriter : IBulkWriter
{
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public string ContentType => "application/x-ndjson";

    public async Task WriteAsync(BulkAnswer answer, PipeWriter output, CancellationToken cancellationToken)
    {
        WriteHead(answer, output);
        if (answer.Failure is null && answer.Output is null)
        {
            if (answer.ContentType!.EndsWith("json", StringComparison.Ordinal))
            {
                await output.WritePiecesAsync(answer.Mask, cancellationToken);
            }
            else
            {
                output.Write("\""u8);
                await output.WriteBase64Async(answer.Mask, cancellationToken);
                output.Write("\""u8);
            }
        }

        output.Write("}\n"u8);
        await output.FlushAsync(cancellationToken);
    }

    public void Finish(PipeWriter output)
    {
    }

    // Everything before the mask, which is too large for the writer's buffer.
    private static void WriteHead(BulkAnswer answer, PipeWriter output)
    {
        using Utf8JsonWriter json = new(output, Options);
        json.WriteStartObject();
        if (answer.Image is { } image)
        {
            json.WriteNumber("index"u8, image.Index);
        }

        json.WriteNumber(
            "status"u8, answer.Failure is null ? StatusCodes.Status200OK : ErrorTable.Of(answer.Failure.Error).Status);
        if (answer.Image is not null)
        {
            json.WriteString("name"u8, answer.Image.Name);
        }

        if (answer.Failure is { } failure)
        {
            json.WriteString("type"u8, ErrorTable.Of(failure.Error).Urn);
            json.WriteString("error"u8, failure.Message);
            return;
        }

        if (answer.Output is not null)
        {
            json.WriteString("output"u8, answer.Output);
            if (answer.ContentType is null)
            {
                json.WriteBoolean("kept"u8, true);
                return;
            }

            json.WriteNumber("bytes"u8, answer.Mask.Length);
        }

        json.WriteString("content_type"u8, answer.ContentType);
        json.WriteNumber("width"u8, answer.Width);
        json.WriteNumber("height"u8, answer.Height);
        if (answer.LabelBits is { } bits)
        {
            json.WriteNumber("label_bits"u8, bits);
        }

        if (answer.Output is null)
        {
            json.WritePropertyName("mask"u8);
        }
    }
}
