using InferenceServer.Telemetry;
using Serilog;
using Serilog.Core;
using Serilog.Events;

namespace InferenceServer.Tests.Telemetry;

public sealed class TextTailTests
{
    [Fact]
    public async Task Enrich_Exception_IsIndentedLines() => Assert.Equal(
        Lines("", "    System.InvalidOperationException: It failed.", "    00:00:00 INF Forged\\u001b[2J"),
        await TailAsync(log => log.Error(new InvalidOperationException("It failed.\n00:00:00 INF Forged\u001b[2J"), "No")));

    [Fact]
    public async Task Enrich_Refusal_IsItsReason() => Assert.Equal(
        Lines(" unknown_model: There is none."),
        await TailAsync(log => log.ForContext("Reason", "unknown_model").ForContext("Detail", "There is none.").Information("GET")));

    [Fact]
    public async Task Enrich_ReasonOfAnotherMessage_IsNotRepeated() =>
        Assert.Equal(
            Lines(""), await TailAsync(log => log.Error("Model {Model} is unavailable: {Reason}", "a", "b")));

    private static string Lines(params string[] lines) => string.Concat(lines.Select(line => line + Environment.NewLine));

    private static async Task<object?> TailAsync(Action<ILogger> write)
    {
        LogLines lines = new();
        using Logger log = new LoggerConfiguration().Enrich.With<TextTail>().WriteTo.Sink(lines).CreateLogger();
        write(log);
        return Assert.IsType<ScalarValue>((await lines.WaitForAsync("")).Properties[TextTail.Name]).Value;
    }
}
