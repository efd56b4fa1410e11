using InferenceServer.Runtime;
using InferenceServer.Runtime.Storage;
using Microsoft.AspNetCore.Diagnostics;

namespace InferenceServer.Errors;

/// <summary>Makes every answer with a status of 400 or more a problem, whatever the client accepts.</summary>
internal static class ProblemsSetup
{
    public static void AddProblems(this IServiceCollection services)
    {
        services.AddExceptionHandler<SegmentationExceptionHandler>();
        services.AddProblemDetails();
    }

    public static void UseProblems(this WebApplication app)
    {
        app.UseExceptionHandler(new ExceptionHandlerOptions { SuppressDiagnosticsCallback = _ => true });
        app.UseStatusCodePages(
            context => Problem.WriteAsync(context.HttpContext, context.HttpContext.Response.StatusCode, Detail(context.HttpContext)));
    }

    private static string? Detail(HttpContext http)
    {
        PathString prefix = http.Request.PathBase;
        PathString path = prefix + http.Request.Path;
        return http.Response.StatusCode switch
        {
            StatusCodes.Status404NotFound => $"There is nothing at {path}. {prefix}/swagger lists all routes.",
            StatusCodes.Status405MethodNotAllowed =>
                $"{path} does not support {http.Request.Method}. {prefix}/swagger lists the methods of each route.",
            _ => null,
        };
    }
}

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
            case StorageException e when FullVolume.IsReasonOf(e):
                await Problem.WriteAsync(httpContext, new SegmentationException(ErrorTable.InsufficientStorage, e.Message, e));
                return true;
            case StorageException e:
                await Problem.WriteAsync(httpContext, new SegmentationException(ErrorTable.StoreUnavailable, e.Message, e));
                return true;
            // Kestrel's, for a chunk whose size has too many digits.
            case IOException { InnerException: OverflowException }:
                await Problem.WriteAsync(
                    httpContext, new SegmentationException(
                        SegmentationError.InvalidRequest, "Transfer-Encoding: expected chunks, got a chunk without a valid size."));
                return true;
            case BadHttpRequestException e:
                await Problem.WriteAsync(httpContext, e.StatusCode, e.Message);
                return true;
            case IOException when await ClientGone.IsReasonAsync(httpContext):
                return true; // the client is gone
            default:
                Log.Unforeseen(logger, exception, httpContext.TraceIdentifier);
                await Problem.WriteAsync(
                    httpContext, StatusCodes.Status500InternalServerError,
                    "The server failed. Its log has the reason under the request's id.");
                return true;
        }
    }
}

/// <summary>Tells clients that are gone from failures of the server.</summary>
internal static class ClientGone
{
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(100);

    /// <summary>Whether an <see cref="IOException"/> of a request came from its client. Reading fails a moment before the
    /// request's token is cancelled.</summary>
    public static async Task<bool> IsReasonAsync(HttpContext http)
    {
        await Task.Delay(Moment, http.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return http.RequestAborted.IsCancellationRequested;
    }
}
