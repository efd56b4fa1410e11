using System.Globalization;
using Serilog.Events;
using Serilog.Formatting;
using Serilog.Formatting.Display;
using Serilog.Formatting.Json;

namespace InferenceServer.Logging;

/// <summary>One JSON object a line: the message as a person reads it once, and the values in it as fields.</summary>
internal sealed class JsonLineFormatter : ITextFormatter
{
    private static readonly MessageTemplateTextFormatter Message = new("{Message:lj}", CultureInfo.InvariantCulture);
    private static readonly JsonValueFormatter Values = new(typeTagName: null);

    public void Format(LogEvent logEvent, TextWriter output)
    {
        output.Write("{\"Timestamp\":\"");
        output.Write(logEvent.Timestamp.UtcDateTime.ToString("O", CultureInfo.InvariantCulture));
        output.Write($"\",\"Level\":\"{logEvent.Level}\"");
        using StringWriter message = new(CultureInfo.InvariantCulture);
        Message.Format(logEvent, message);
        Field(output, "Message", message.ToString());
        if (logEvent.Exception is { } exception)
        {
            Field(output, "Exception", exception.ToString());
        }

        if (logEvent.TraceId is { } trace)
        {
            Field(output, "TraceId", trace.ToString());
        }

        // In an object of their own, for a library may call a value Level.
        output.Write(",\"Properties\":");
        Values.Format(new StructureValue(logEvent.Properties.Select(p => new LogEventProperty(p.Key, p.Value))), output);
        output.WriteLine('}');
    }

    private static void Field(TextWriter output, string name, string value)
    {
        output.Write($",\"{name}\":");
        JsonValueFormatter.WriteQuotedJsonString(value, output);
    }
}
