using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace InferenceServer.Tests.Logging;

/// <summary>Keeps the lines of a server's log.</summary>
internal sealed class LogLines : ILoggerProvider, ILogger
{
    private readonly Channel<string> _lines = Channel.CreateUnbounded<string>();

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        _lines.Writer.TryWrite(formatter(state, exception));

    public void Dispose()
    {
    }

    /// <summary>The next line that holds <paramref name="text"/>, waited for: a request is logged a moment after its answer.</summary>
    public async Task<string> WaitForAsync(string text)
    {
        using CancellationTokenSource patience = new(TimeSpan.FromSeconds(30));
        string line;
        do
        {
            line = await _lines.Reader.ReadAsync(patience.Token);
        }
        while (!line.Contains(text, StringComparison.Ordinal));
        return line;
    }
}
