using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace InferenceServer.Tests.Telemetry;

/// <summary>Nothing that a client sends becomes a line of the log, or moves a terminal's cursor: as text and as JSON,
/// with everything logged that the server and the framework can say.</summary>
public sealed partial class ForgedLineTests
{
    private const string Forged = "00:00:00 INF Forged";

    // A line break of each kind, a terminal's escape sequence in both spellings, a change of direction.
    private static readonly string[] Breaks =
    [
        "\n", "\r", "\r\n", "\u001b[2J\u001b[1;1H", "\u009b2J", "\u0085", "\u2028", "\u2029", "\v\f\b", "\u202e", "\0"
    ];

    [Theory]
    [InlineData("Development")]
    [InlineData("Production")]
    public async Task Log_OfHostileRequests_HasOneLineForEachEvent(string environment)
    {
        await using ServerProcess server = await ServerProcess.StartAsync(
            ("environment", environment), ("Serilog:MinimumLevel:Default", "Verbose"),
            ("Serilog:MinimumLevel:Override:Microsoft", "Verbose"));
        string[] requests = [.. Breaks.SelectMany(Requests)];
        foreach (string request in requests)
        {
            await SendAsync(server.Address, request);
        }

        await SendAsync(server.Address, "GET /the-last HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
        await ServerProcess.UntilAsync(() => Task.FromResult(server.Log.Contains("GET /the-last →", StringComparison.Ordinal)));

        // The log was read line by line, at every kind of end.
        string[] lines = server.Log.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Contains(lines, line => line.Contains("Forged", StringComparison.Ordinal));
        Assert.All(lines, line => Assert.True(environment == "Development" ? Text().IsMatch(line) : IsJson(line), line));
        Assert.DoesNotContain(lines, line => line.StartsWith(Forged, StringComparison.Ordinal));
        Assert.DoesNotContain(lines, line => line.Any(c => char.IsControl(c) || c is '\u2028' or '\u2029' or '\u202e'));
    }

    // An event, or an exception's line below it.
    [GeneratedRegex(@"^(\d\d:\d\d:\d\d (VRB|DBG|INF|WRN|ERR|FTL) |    )")]
    private static partial Regex Text();

    private static bool IsJson(string line)
    {
        using JsonDocument json = JsonDocument.Parse(line);
        return json.RootElement.TryGetProperty("@t", out _) && json.RootElement.TryGetProperty("@m", out _);
    }

    private static IEnumerable<string> Requests(string characters)
    {
        string text = $"x{characters}{Forged}";
        string encoded = Uri.EscapeDataString(text);
        yield return Get($"/{encoded}", "");
        yield return Get($"/v1/models/{encoded}", "");
        yield return Get($"/v1/models?{encoded}={encoded}", "");
        yield return Post($"/v1/segment/{encoded}", "Content-Type: image/png", "no image");
        yield return Post($"/v1/segment/tiny?format={encoded}&{encoded}=1", "Content-Type: image/png", "no image");
        yield return Post(
            "/v2/models/tiny/infer", "Content-Type: application/json",
            JsonSerializer.Serialize(
                new Dictionary<string, object>
                {
                    ["inputs"] = new[] { new { name = text, datatype = text } },
                    [text] = text,
                }));
        yield return Post(
            "/v1/segment/tiny", "Content-Type: multipart/form-data; boundary=b",
            $"--b\r\nContent-Disposition: form-data; name=\"{text}\"; filename=\"{text}\"\r\nContent-Type: " +
            $"{text}\r\n\r\nno image\r\n--b--\r\n");
        foreach (string header in (string[])[
            "X-Request-Id", "Authorization", "Accept", "Content-Type", "Accept-Encoding", "Content-Encoding",
            "User-Agent", "Origin", "Host", "traceparent", "tracestate", "baggage", "X-Forwarded-For",
            "If-None-Match", "Expect", text
        ])
        {
            yield return Post("/v1/segment/tiny", $"{header}: {text}", "no image");
        }

        yield return $"{text} / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";
        yield return $"GET /{text} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";
    }

    private static string Get(string path, string header) => $"GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{header}\r\n";

    private static string Post(string path, string header, string body) =>
        $"POST {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{header}\r\nContent-Length: " +
        $"{Encoding.UTF8.GetByteCount(body)}\r\n\r\n{body}";

    // As it is: clients of .NET refuse to send most of this.
    private static async Task SendAsync(Uri server, string request)
    {
        using TcpClient client = new();
        await client.ConnectAsync(server.Host, server.Port);
        await client.GetStream().WriteAsync(Encoding.UTF8.GetBytes(request));
        try
        {
            await client.GetStream().CopyToAsync(Stream.Null);
        }
        catch (IOException)
        {
            // The server need not read to the end what it refuses.
        }
    }
}
