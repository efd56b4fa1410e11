using System.Globalization;
using InferenceServer.Metrics;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Buffers;
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

/// <summary>An answer as it goes out. Whoever holds it disposes it.</summary>
/// <param name="Head">What comes first: JSON, or a message but for its last field.</param>
/// <param name="Tensor">The output whose bytes come behind it; null where they are in it.</param>
internal sealed record InferAnswer(PooledBufferWriter Head, OutputTensor? Tensor) : IDisposable
{
    /// <summary>Bytes of the JSON where a tensor comes behind it, before any compression.</summary>
    public int? JsonLength { get; init; }

    /// <summary>How it is compressed; null where it is not.</summary>
    public string? Encoding { get; init; }

    /// <summary>All bytes, in their order.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> Parts => [Head.Written, Tensor?.Data.Written ?? default];

    /// <summary>How many there are.</summary>
    public long Length => Parts.Sum(p => (long)p.Length);

    public void Dispose()
    {
        Head.Dispose();
        Tensor?.Dispose();
    }
}
