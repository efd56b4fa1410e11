using InferenceServer.Runtime;
using Microsoft.AspNetCore.Diagnostics;

namespace InferenceServer.Problems;

/// <summary>Turns what the runtime and the server throw into problems; what is not foreseen becomes a 500 without details.</summary>
internal sealed class SegmentationExceptionHandler(ILogger<SegmentationExceptionHandler> logger) : IExceptionHandler
{
    public async ValueTask<bool> TryHandleAsync(HttpContext httpContext, Exception exception, CancellationToken cancellationToken)
    {
        switch (exception)
        {
            case OperationCanceledException or IOException when httpContext.RequestAborted.IsCancellationRequested:
                httpContext.Response.StatusCode = StatusCodes.Status499ClientClosedRequest; // nobody reads it but the log
                return true;
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
                await Problem.WriteAsync(httpContext, StatusCodes.Status500InternalServerError, "The server failed; its log says more under the request's id.");
                return true;
        }
    }
}
