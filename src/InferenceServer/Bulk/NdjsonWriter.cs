using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using InferenceServer.Problems;

namespace InferenceServer.Bulk;

/// <summary>A line of JSON for each image; masks that are not JSON are base64.</summary>
internal sealed class NdjsonWriter : IBulkWriter
{
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public string ContentType => "application/x-ndjson";

    public void Write(BulkAnswer answer, IBufferWriter<byte> output)
    {
        using (Utf8JsonWriter json = new(output, Options))
        {
            json.WriteStartObject();
            if (answer.Image is { } image)
            {
                json.WriteNumber("index"u8, image.Index);
                json.WriteString("name"u8, image.Name);
            }

            if (answer.Failure is { } failure)
            {
                json.WriteNumber("status"u8, ProblemStatus.Of(failure.Error));
                json.WriteString("type"u8, ProblemTypes.Of(failure.Error));
                json.WriteString("error"u8, failure.Message);
            }
            else
            {
                json.WriteNumber("status"u8, StatusCodes.Status200OK);
                json.WriteString("content_type"u8, answer.ContentType);
                json.WriteNumber("width"u8, answer.Width);
                json.WriteNumber("height"u8, answer.Height);
                json.WritePropertyName("mask"u8);
                if (answer.ContentType!.EndsWith("json", StringComparison.Ordinal))
                {
                    json.WriteRawValue(answer.Mask!.Written.Span, skipInputValidation: true);
                }
                else
                {
                    json.WriteBase64StringValue(answer.Mask!.Written.Span);
                }
            }

            json.WriteEndObject();
        }

        output.Write("\n"u8);
    }

    public void Finish(IBufferWriter<byte> output)
    {
    }
}
