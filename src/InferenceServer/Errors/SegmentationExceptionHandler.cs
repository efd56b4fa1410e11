using InferenceServer.Runtime;
using Microsoft.AspNetCore.Diagnostics;

namespace InferenceServer.Errors;

/// <summary>Turns exceptions into problems. An unexpected exception becomes a 500 without details.</summary>
/// <remarks>Requests whose client closed the connection never get here: the framework ends them with 499.</remarks>
internal sealed class SegmentationExceptionHandler(ILogger<SegmentationExceptionHandler> logger) : IExceptionHandler
{
    public async ValueTask<bool> TryHandleAsync(
        HttpContext httpContext, Exception exception, CancellationToken cancellationToken)
    {
        switch (exception)
        {
            case SegmentationException e:
                if (e.Error == SegmentationError.InferenceFailed)
                {
                    Log.InferenceFailed(logger, e);
                }

                await Problem.WriteAsync(httpContext, e);
                return true;
            case BadHttpRequestException e:
                await Problem.WriteAsync(httpContext, e.StatusCode, e.Message);
                return true;
            default:
                Log.Unforeseen(logger, exception, httpContext.TraceIdentifier);
                await Problem.WriteAsync(
                    httpContext, StatusCodes.Status500InternalServerError,
                    "The server failed. Its log has the reason under the request's id.");
                return true;
        }
    }
}
