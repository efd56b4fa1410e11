using System.Globalization;
using System.Text;
using Grpc.Core;
using InferenceServer.Errors;

namespace InferenceServer.OpenInference.Grpc;

/// <summary>Says in gRPC's own way what went wrong: a status and a sentence, and nothing else.</summary>
internal sealed class GrpcProblem : IProblemForm
{
    public static readonly GrpcProblem Instance = new();

    private GrpcProblem()
    {
    }

    /// <summary>The code for what HTTP says with a status.</summary>
    public static StatusCode Of(int status) => status switch
    {
        StatusCodes.Status400BadRequest or StatusCodes.Status415UnsupportedMediaType or StatusCodes.Status422UnprocessableEntity => StatusCode.InvalidArgument,
        StatusCodes.Status401Unauthorized => StatusCode.Unauthenticated,
        StatusCodes.Status403Forbidden => StatusCode.PermissionDenied,
        StatusCodes.Status404NotFound => StatusCode.NotFound,
        StatusCodes.Status413PayloadTooLarge or StatusCodes.Status429TooManyRequests => StatusCode.ResourceExhausted,
        StatusCodes.Status500InternalServerError => StatusCode.Internal,
        StatusCodes.Status501NotImplemented => StatusCode.Unimplemented,
        StatusCodes.Status503ServiceUnavailable => StatusCode.Unavailable,
        StatusCodes.Status504GatewayTimeout => StatusCode.DeadlineExceeded,
        _ => StatusCode.Unknown,
    };

    public bool IsFor(HttpContext http) => GrpcMessage.IsCall(http);

    /// <summary>Headers that are trailers, too: the whole answer is one frame.</summary>
    public Task WriteAsync(HttpContext http, int status, string detail, TimeSpan? retryAfter)
    {
        HttpResponse response = http.Response;
        response.StatusCode = StatusCodes.Status200OK;
        response.ContentType = GrpcMessage.ContentType;
        response.Headers["grpc-status"] = ((int)Of(status)).ToString(CultureInfo.InvariantCulture);
        response.Headers["grpc-message"] = Encode(detail);
        if (retryAfter is { } wait)
        {
            response.Headers["grpc-retry-pushback-ms"] = Math.Ceiling(wait.TotalMilliseconds).ToString(CultureInfo.InvariantCulture);
        }

        return response.CompleteAsync();
    }

    // Percent-encoded UTF-8: "Responses" in the specification of gRPC over HTTP/2.
    private static string Encode(string text)
    {
        StringBuilder encoded = new(text.Length);
        foreach (byte b in Encoding.UTF8.GetBytes(text))
        {
            _ = b is >= (byte)' ' and <= (byte)'~' and not (byte)'%' ? encoded.Append((char)b) : encoded.Append(CultureInfo.InvariantCulture, $"%{b:X2}");
        }

        return encoded.ToString();
    }
}
