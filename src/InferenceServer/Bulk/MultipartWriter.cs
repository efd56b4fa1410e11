using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using InferenceServer.Problems;
using Microsoft.Net.Http.Headers;

namespace InferenceServer.Bulk;

/// <summary>A part for each image: the mask as it is, or a problem.</summary>
internal sealed class MultipartWriter : IBulkWriter
{
    private readonly string _boundary = Guid.NewGuid().ToString("N");

    public string ContentType => "multipart/mixed; boundary=" + _boundary;

    public void Write(BulkAnswer answer, IBufferWriter<byte> output)
    {
        byte[]? problem = answer.Failure is { } failure ? Problem(failure.Message, ProblemTypes.Of(failure.Error), ProblemStatus.Of(failure.Error)) : null;
        StringBuilder head = new();
        head.Append(CultureInfo.InvariantCulture, $"--{_boundary}\r\nContent-Type: {answer.ContentType ?? "application/problem+json"}\r\nContent-Length: {problem?.Length ?? answer.Mask!.Written.Length}\r\n");
        if (answer.Image is { } image)
        {
            ContentDispositionHeaderValue disposition = new("attachment");
            disposition.SetHttpFileName(image.Name);
            head.Append(CultureInfo.InvariantCulture, $"Content-Disposition: {disposition}\r\nX-Index: {image.Index}\r\n");
        }

        if (problem is null)
        {
            head.Append(CultureInfo.InvariantCulture, $"X-Image-Width: {answer.Width}\r\nX-Image-Height: {answer.Height}\r\n");
        }

        output.Write(Encoding.ASCII.GetBytes(head.Append("\r\n").ToString()));
        output.Write(problem is null ? answer.Mask!.Written.Span : problem);
        output.Write("\r\n"u8);
    }

    public void Finish(IBufferWriter<byte> output) => output.Write(Encoding.ASCII.GetBytes($"--{_boundary}--\r\n"));

    private static byte[] Problem(string message, string type, int status) => Encoding.UTF8.GetBytes(
        new JsonObject { ["type"] = type, ["status"] = status, ["detail"] = message, ["error"] = message }.ToJsonString());
}
