using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Text;
using System.Text.Json.Nodes;
using InferenceServer.Errors;
using InferenceServer.Runtime;
using Microsoft.Net.Http.Headers;

namespace InferenceServer.Bulk;

/// <summary>Writes a part for each image: the encoded mask, or a problem.</summary>
internal sealed class MultipartWriter : IBulkWriter
{
    private readonly string _boundary = Guid.NewGuid().ToString("N");

    public string ContentType => "multipart/mixed; boundary=" + _boundary;

    public async Task WriteAsync(BulkAnswer answer, PipeWriter output, CancellationToken cancellationToken)
    {
        ReadOnlyMemory<byte> body = answer.Failure is { } failure ? Problem(failure) : answer.Mask;
        StringBuilder head = new();
        string type = answer.ContentType ?? "application/problem+json";
        head.Append(
            CultureInfo.InvariantCulture,
            $"--{_boundary}\r\nContent-Type: {type}\r\nContent-Length: {body.Length}\r\n");
        if (answer.Image is { } image)
        {
            ContentDispositionHeaderValue disposition = new("attachment");
            disposition.SetHttpFileName(image.Name);
            head.Append(
                CultureInfo.InvariantCulture, $"Content-Disposition: {disposition}\r\nX-Index: {image.Index}\r\n");
        }

        if (answer.Failure is null)
        {
            head.Append(
                CultureInfo.InvariantCulture, $"X-Image-Width: {answer.Width}\r\nX-Image-Height: {answer.Height}\r\n");
        }

        if (answer.LabelBits is { } bits)
        {
            head.Append(CultureInfo.InvariantCulture, $"X-Label-Bits: {bits}\r\n");
        }

        output.Write(Encoding.ASCII.GetBytes(head.Append("\r\n").ToString()));
        await output.WritePiecesAsync(body, cancellationToken);
        output.Write("\r\n"u8);
        await output.FlushAsync(cancellationToken);
    }

    public void Finish(PipeWriter output) => output.Write(Encoding.ASCII.GetBytes($"--{_boundary}--\r\n"));

    private static byte[] Problem(SegmentationException failure) => Encoding.UTF8.GetBytes(new JsonObject
    {
        ["type"] = ErrorTable.Of(failure.Error).Urn,
        ["status"] = ErrorTable.Of(failure.Error).Status,
        ["detail"] = failure.Message,
        ["error"] = failure.Message,
    }.ToJsonString());
}
