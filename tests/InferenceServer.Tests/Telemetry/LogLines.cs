using System.Globalization;
using System.Threading.Channels;
using Serilog.Core;
using Serilog.Events;

namespace InferenceServer.Tests.Telemetry;

/// <summary>Keeps the events of a server's log.</summary>
internal sealed class LogLines : ILogEventSink
{
    private readonly Channel<LogEvent> _events = Channel.CreateUnbounded<LogEvent>();

    public void Emit(LogEvent logEvent) => _events.Writer.TryWrite(logEvent);

    /// <summary>The next event whose message holds <paramref name="text"/>, waited for: a request is logged a moment
    /// after its answer.</summary>
    public async Task<LogEvent> WaitForAsync(string text)
    {
        using CancellationTokenSource timeout = new(TimeSpan.FromSeconds(30));
        LogEvent next;
        do
        {
            next = await _events.Reader.ReadAsync(timeout.Token);
        }
        while (!next.RenderMessage(CultureInfo.InvariantCulture).Contains(text, StringComparison.Ordinal));
        return next;
    }

    /// <summary>All events up to the next one whose message holds <paramref name="text"/>.</summary>
    public async Task<IReadOnlyList<LogEvent>> UntilAsync(string text)
    {
        using CancellationTokenSource timeout = new(TimeSpan.FromSeconds(30));
        List<LogEvent> events = [];
        do
        {
            events.Add(await _events.Reader.ReadAsync(timeout.Token));
        }
        while (!events[^1].RenderMessage(CultureInfo.InvariantCulture).Contains(text, StringComparison.Ordinal));
        return events;
    }
}
