using System.Diagnostics;
using InferenceServer.Problems;
using InferenceServer.Runtime.Diagnostics;

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
                LogLevel level = http.IsProbe() ? LogLevel.Debug : LogLevel.Information;
                if (logger.IsEnabled(level))
                {
                    Write(logger, level, http, Stopwatch.GetElapsedTime(start).TotalMilliseconds);
                }
            }
        });
    }

    /// <summary>Whether a machine asks every few seconds.</summary>
    public static bool IsProbe(this HttpContext http) => http.Request.Path.StartsWithSegments("/health") || http.Request.Path.StartsWithSegments("/v2/health") || http.Request.Path.StartsWithSegments("/metrics");

    private static void Write(ILogger logger, LogLevel level, HttpContext http, double elapsedMs)
    {
        string path = http.Request.Path.ToUriComponent(); // encoded: a decoded line break would forge a line of the log
        long bytes = http.Request.ContentLength ?? 0;
        using IDisposable? owner = http.User.Identity?.Name is { } key ? logger.BeginScope(new Dictionary<string, object> { ["Key"] = key }) : null;
        if (RejectionCause.Of(http) is var (reason, message))
        {
            string label = reason.Label();
            string detail = OneLine(message);
            Log.Refused(logger, level, http.Request.Method, path, http.Response.StatusCode, label, elapsedMs, bytes, http.TraceIdentifier, detail);
        }
        else
        {
            Log.Request(logger, level, http.Request.Method, path, http.Response.StatusCode, elapsedMs, bytes, http.TraceIdentifier);
        }
    }

    // The message may quote what the caller sent.
    private static string OneLine(string text) => string.Create(text.Length, text, static (line, from) =>
    {
        for (int i = 0; i < line.Length; i++)
        {
            line[i] = char.IsControl(from[i]) ? ' ' : from[i];
        }
    });
}
