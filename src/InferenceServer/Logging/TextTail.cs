using System.Text;
using Serilog.Core;
using Serilog.Events;

namespace InferenceServer.Logging;

/// <summary>Adds to the text of an event why a request was refused, and the exception. Its lines are indented, because
/// they may contain line breaks from a client.</summary>
internal sealed class TextTail : ILogEventEnricher
{
    public const string Name = "TextTail";

    public void Enrich(LogEvent logEvent, ILogEventPropertyFactory propertyFactory)
    {
        StringBuilder tail = new();
        if (logEvent.Properties.TryGetValue(RequestLog.Detail, out LogEventPropertyValue? detail)
            && logEvent.Properties.TryGetValue(RequestLog.Reason, out LogEventPropertyValue? reason))
        {
            tail.Append($" {reason:l}: {detail:l}");
        }

        tail.AppendLine();
        foreach (string line in logEvent.Exception?.ToString().ReplaceLineEndings("\n").Split('\n') ?? [])
        {
            tail.Append("    ").AppendLine(ControlCharacters.Escape(line));
        }

        logEvent.AddOrUpdateProperty(new LogEventProperty(Name, new ScalarValue(tail.ToString())));
    }
}
