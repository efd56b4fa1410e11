using System.Globalization;
using InferenceServer.Hosting;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Segment;
using InferenceServer.Telemetry;

namespace InferenceServer.OpenInference;

/// <summary>The response to an infer request: JSON, followed by the output where the client requested bytes.</summary>
/// <remarks>Owns the admitted request, which gives its place back once the response is made.</remarks>
internal sealed class InferResult(AdmittedRequest admitted) : IResult, IDisposable
{
    /// <summary>The network's output.</summary>
    public OutputTensor? Output { get; set; }

    /// <summary>The bytes to send.</summary>
    public InferAnswer? Answer { get; set; }

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        using InferResult owned = this;
        InferAnswer answer = Answer!;
        if (answer.Tensor is null)
        {
            Output!.Dispose(); // frees the memory now, because a client may read slowly
        }

        HttpResponse response = httpContext.Response;
        Compression.Describe(response, answer.MediaType, answer.Encoding);
        response.ContentLength = answer.Length;
        if (answer.JsonLength is { } length)
        {
            response.Headers[InferBody.HeaderLength] = length.ToString(CultureInfo.InvariantCulture);
        }

        await SendAsync(httpContext);
    }

    /// <summary>Sends the bytes alone; this object is disposed then.</summary>
    public Task SendAsync(HttpContext http) => AnswerWriter.SendAsync(http, admitted, this, Answer!.Parts);

    public void Dispose()
    {
        Answer?.Dispose();
        Output?.Dispose();
        admitted.Dispose();
    }
}

/// <summary>The bytes of a response. The caller disposes it.</summary>
/// <param name="Head">The start: JSON, or a gRPC message without its last field.</param>
/// <param name="Tensor">The output whose bytes follow; null where <paramref name="Head"/> contains them. The caller
/// owns the output.</param>
internal sealed record InferAnswer(PooledBufferWriter Head, OutputTensor? Tensor) : IDisposable
{
    /// <summary>Bytes of the JSON where a tensor follows, before compression.</summary>
    public int? JsonLength { get; init; }

    /// <summary>The compression; null for none.</summary>
    public string? Encoding { get; init; }

    /// <summary>Media type of the bytes, before compression.</summary>
    public string MediaType => JsonLength is null ? "application/json" : "application/octet-stream";

    /// <summary>All bytes, in order.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> Parts => [Head.Written, Tensor?.Data.Written ?? default];

    /// <summary>Number of all bytes.</summary>
    public long Length => Parts.Sum(p => (long)p.Length);

    public void Dispose() => Head.Dispose();
}
