using System.Globalization;
using System.Text;
using Serilog;
using Serilog.Core;
using Serilog.Events;
using Serilog.Formatting.Compact;

namespace InferenceServer.Telemetry;

/// <summary>Registers Serilog for Microsoft's logging: text on the console in development, else one JSON object a
/// line.</summary>
internal static class LoggingSetup
{
    private const string Text = $"{{Timestamp:HH:mm:ss}} {{Level:u3}} {{Message:lj}}{{{TextTail.Name}:l}}";

    public static void AddLogging(this WebApplicationBuilder builder) => builder.Services.AddSerilog(
        (services, log) =>
        {
            log.ReadFrom.Configuration(builder.Configuration).ReadFrom.Services(services);
            log.Enrich.FromLogContext().Enrich.With<ControlCharacters>();
            if (builder.Environment.IsDevelopment())
            {
                log.Enrich.With<TextTail>().WriteTo.Console(
                    outputTemplate: Text, formatProvider: CultureInfo.InvariantCulture);
            }
            else
            {
                log.WriteTo.Console(new RenderedCompactJsonFormatter());
            }
        },
        preserveStaticLogger: true);
}

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
