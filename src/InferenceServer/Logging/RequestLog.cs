using System.Diagnostics;
using InferenceServer.Errors;
using InferenceServer.Runtime.Diagnostics;

namespace InferenceServer.Logging;

/// <summary>One line for each request, and an id that client, answer and log share.</summary>
internal static class RequestLog
{
    private const string RequestIdHeader = "X-Request-Id";
    private const int LongestId = 128;
    private static readonly PathString[] Probes =
        ["/health", "/v2/health", "/metrics", "/grpc.health.v1.Health", "/inference.GRPCInferenceService/ServerLive", "/inference.GRPCInferenceService/ServerReady"];

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
    public static bool IsProbe(this HttpContext http) => Array.Exists(Probes, http.Request.Path.StartsWithSegments);

    private static void Write(ILogger logger, LogLevel level, HttpContext http, double elapsedMs)
    {
        string path = http.Request.Path.ToUriComponent(); // encoded: a decoded line break would forge a line of the log
        long bytes = http.Request.ContentLength ?? 0;
        int status = ProblemStatus.Of(http);
        using IDisposable? owner = http.User.Identity?.Name is { } key ? logger.BeginScope(new Dictionary<string, object> { ["Key"] = key }) : null;
        if (RejectionCause.Of(http) is var (reason, message))
        {
            string label = reason.Label();
            string detail = OneLine(message);
            Log.Refused(logger, level, http.Request.Method, path, status, label, elapsedMs, bytes, http.TraceIdentifier, detail);
        }
        else
        {
            Log.Request(logger, level, http.Request.Method, path, status, elapsedMs, bytes, http.TraceIdentifier);
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
