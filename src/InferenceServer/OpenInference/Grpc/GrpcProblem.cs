using System.Globalization;
using System.Text;
using InferenceServer.Errors;
using Microsoft.AspNetCore.Http.Features;

namespace InferenceServer.OpenInference.Grpc;

/// <summary>Writes an error as a gRPC status and message.</summary>
internal sealed class GrpcProblem : IProblemForm
{
    public static readonly GrpcProblem Instance = new();

    private GrpcProblem()
    {
    }

    public bool IsFor(HttpContext http) => GrpcMessage.IsCall(http);

    /// <summary>Writes the trailers, as headers where no message was sent: the whole response is one frame then.</summary>
    public Task WriteAsync(HttpContext http, Problem problem)
    {
        HttpResponse response = http.Response;
        IHeaderDictionary trailers = http.Features.GetRequiredFeature<IHttpResponseTrailersFeature>().Trailers;
        if (!response.HasStarted)
        {
            trailers = response.Headers;
            response.StatusCode = StatusCodes.Status200OK;
            response.ContentType = GrpcMessage.ContentType;
        }

        trailers[GrpcMessage.Status] = ((int)problem.GrpcCode).ToString(CultureInfo.InvariantCulture);
        trailers["grpc-message"] = Encode(problem.Detail);
        if (problem.RetryAfter is { } wait)
        {
            trailers["grpc-retry-pushback-ms"] = Math.Ceiling(wait.TotalMilliseconds).ToString(CultureInfo.InvariantCulture);
        }

        return response.CompleteAsync();
    }

    // Percent-encoded UTF-8: "Responses" in the specification of gRPC over HTTP/2.
    private static string Encode(string text)
    {
        StringBuilder encoded = new(text.Length);
        foreach (byte b in Encoding.UTF8.GetBytes(text))
        {
            _ = b is >= (byte)' ' and <= (byte)'~' and not (byte)'%'
                ? encoded.Append((char)b)
                : encoded.Append(CultureInfo.InvariantCulture, $"%{b:X2}");
        }

        return encoded.ToString();
    }
}
