using System.Diagnostics;

namespace InferenceServer.Logging;

/// <summary>One line for each request, and an id that client, answer and log share.</summary>
internal static class RequestLog
{
    private const string RequestIdHeader = "X-Request-Id";
    private const int LongestId = 128;

    public static void UseRequestLog(this WebApplication app)
    {
        ILogger logger = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger("InferenceServer.Requests");
        app.Use(async (http, next) =>
        {
            long start = Stopwatch.GetTimestamp();
            if (http.Request.Headers[RequestIdHeader] is [{ Length: > 0 and <= LongestId } id] && id.All(c => char.IsAsciiLetterOrDigit(c) || "-_.:".Contains(c)))
            {
                http.TraceIdentifier = id;
            }

            // Set at the last moment, because whoever turns an exception into a problem clears the headers first.
            http.Response.OnStarting(() =>
            {
                http.Response.Headers[RequestIdHeader] = http.TraceIdentifier;
                return Task.CompletedTask;
            });
            try
            {
                await next(http);
            }
            finally
            {
                LogLevel level = http.Request.Path.StartsWithSegments("/health") ? LogLevel.Debug : LogLevel.Information;
                if (logger.IsEnabled(level))
                {
                    string path = http.Request.Path.ToUriComponent(); // encoded: a decoded line break would forge a line of the log
                    double elapsedMs = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
                    Log.Request(logger, level, http.Request.Method, path, http.Response.StatusCode, elapsedMs, http.Request.ContentLength ?? 0, http.TraceIdentifier);
                }
            }
        });
    }
}
