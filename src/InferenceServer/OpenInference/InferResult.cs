using System.Globalization;
using InferenceServer.Metrics;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Diagnostics;

namespace InferenceServer.OpenInference;

/// <summary>An answer on its way to the client: JSON, and behind it the output where it was asked for as bytes.</summary>
/// <remarks>Keeps the request's place in the server until the client has the last byte.</remarks>
internal sealed class InferResult(AdmittedRequest admitted, PooledBufferWriter json, OutputTensor output, bool isBinary, StageTimings timings) : IResult
{
    public async Task ExecuteAsync(HttpContext httpContext)
    {
        using (admitted)
        using (json)
        using (output)
        {
            HttpResponse response = httpContext.Response;
            ReadOnlyMemory<byte> tensor = isBinary ? output.Data.Written : default;
            response.ContentType = isBinary ? "application/octet-stream" : "application/json";
            response.ContentLength = json.Written.Length + tensor.Length;
            if (isBinary)
            {
                response.Headers[InferBody.HeaderLength] = json.Written.Length.ToString(CultureInfo.InvariantCulture);
            }

            using (timings.Measure(Stage.Write))
            {
                await response.Body.WriteAsync(json.Written, httpContext.RequestAborted);
                await response.Body.WriteAsync(tensor, httpContext.RequestAborted);
            }

            httpContext.Observation().Sent(json.Written.Length + tensor.Length);
        }
    }
}
