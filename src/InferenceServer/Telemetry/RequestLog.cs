using InferenceServer.Errors;
using InferenceServer.Runtime.Diagnostics;
using Serilog;
using Serilog.Events;

namespace InferenceServer.Telemetry;

/// <summary>Middleware that writes one line for each request, and gives the request an ID for answer and log.</summary>
internal static class RequestLog
{
    /// <summary>Fields of a refused request.</summary>
    public const string Reason = "Reason", Detail = "Detail";

    private const string Line = "{Method:l} {Path:l} → {Status} in {ElapsedMs:F1} ms ({RequestBytes} bytes in) {RequestId:l}";
    private const string RequestIdHeader = "X-Request-Id";
    private const int LongestId = 128;
    private static readonly PathString[] Probes =
    [
        "/health", "/v2/health", "/metrics", "/grpc.health.v1.Health",
        "/inference.GRPCInferenceService/ServerLive", "/inference.GRPCInferenceService/ServerReady",
    ];

    public static void UseRequestLog(this WebApplication app)
    {
        app.UseSerilogRequestLogging(options =>
        {
            options.Logger = app.Services.GetRequiredService<Serilog.ILogger>();
            options.MessageTemplate = Line;
            options.GetLevel = (http, _, _) => http.IsProbe() ? LogEventLevel.Debug : LogEventLevel.Information;
            options.GetMessageTemplateProperties = (http, _, elapsedMs, _) => Fields(http, elapsedMs)
                .Select(f => new LogEventProperty(f.Name, new ScalarValue(f.Value)));
        });
        app.Use((http, next) =>
        {
            if (http.Request.Headers[RequestIdHeader] is [{ Length: > 0 and <= LongestId } id] && id.All(IsOfId))
            {
                http.TraceIdentifier = id;
            }

            // Set when the answer starts: the exception handler clears the headers before.
            http.Response.OnStarting(() =>
            {
                http.Response.Headers[RequestIdHeader] = http.TraceIdentifier;
                return Task.CompletedTask;
            });
            return next(http);
        });
    }

    /// <summary>Whether the request is a probe or a scrape, which machines send every few seconds.</summary>
    public static bool IsProbe(this HttpContext http) => Array.Exists(Probes, http.Request.Path.StartsWithSegments);

    private static bool IsOfId(char c) => char.IsAsciiLetterOrDigit(c) || "-_.:".Contains(c);

    private static IEnumerable<(string Name, object Value)> Fields(HttpContext http, double elapsedMs)
    {
        yield return ("Method", http.Request.Method);
        yield return ("Path", http.Request.Path.ToUriComponent()); // percent-encoded, as the client sent it
        yield return ("Status", Problem.StatusOf(http));
        yield return ("ElapsedMs", elapsedMs);
        yield return ("RequestBytes", http.Request.ContentLength ?? 0);
        yield return ("RequestId", http.TraceIdentifier);
        if (http.Connection.RemoteIpAddress is { } client)
        {
            // A socket of both protocols has IPv4 addresses as ::ffff:192.0.2.1.
            yield return ("Client", (client.IsIPv4MappedToIPv6 ? client.MapToIPv4() : client).ToString());
        }

        if (Problem.RejectionOf(http) is var (reason, detail))
        {
            yield return (Reason, reason);
            yield return (Detail, detail);
        }

        if (http.User.Identity?.Name is { } key)
        {
            yield return ("Key", key);
        }
    }
}
