using System.Globalization;
using InferenceServer.Metrics;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Diagnostics;
using Microsoft.Net.Http.Headers;

namespace InferenceServer.OpenInference;

/// <summary>An answer on its way to the client: JSON, and behind it the output where it was asked for as bytes.</summary>
/// <remarks>Keeps the request's place in the server until the client has the last byte.</remarks>
internal sealed class InferResult(AdmittedRequest admitted, InferAnswer answer, StageTimings timings) : IResult
{
    public async Task ExecuteAsync(HttpContext httpContext)
    {
        using (admitted)
        using (answer)
        {
            HttpResponse response = httpContext.Response;
            response.ContentType = answer.JsonLength is null ? "application/json" : "application/octet-stream";
            response.ContentLength = answer.Length;
            response.Headers.Append(HeaderNames.Vary, HeaderNames.AcceptEncoding);
            if (answer.JsonLength is { } length)
            {
                response.Headers[InferBody.HeaderLength] = length.ToString(CultureInfo.InvariantCulture);
            }

            if (answer.Encoding is { } encoding)
            {
                response.Headers.ContentEncoding = encoding;
            }

            using (timings.Measure(Stage.Write))
            {
                foreach (ReadOnlyMemory<byte> part in answer.Parts)
                {
                    await response.Body.WriteAsync(part, httpContext.RequestAborted);
                }
            }

            httpContext.Observation().Sent(answer.Length);
        }
    }
}
