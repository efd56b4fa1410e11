using System.Globalization;
using System.Text;
using Serilog.Core;
using Serilog.Events;

namespace InferenceServer.Telemetry;

/// <summary>Escapes control characters in the values of every event, so that a line break or escape sequence from a
/// client cannot look like a line of the log.</summary>
internal sealed class ControlCharacters : ILogEventEnricher
{
    public void Enrich(LogEvent logEvent, ILogEventPropertyFactory propertyFactory)
    {
        foreach ((string name, LogEventPropertyValue value) in logEvent.Properties.ToArray())
        {
            LogEventPropertyValue escaped = Escape(value);
            if (escaped != value)
            {
                logEvent.AddOrUpdateProperty(new LogEventProperty(name, escaped));
            }
        }
    }

    /// <summary>Replaces control characters, line breaks and characters that change the text direction by escapes such
    /// as <c>\u000a</c>.</summary>
    public static string Escape(string text)
    {
        if (!text.Any(IsControl))
        {
            return text;
        }

        StringBuilder escaped = new();
        foreach (char c in text)
        {
            escaped = IsControl(c) ? escaped.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}") : escaped.Append(
                c);
        }

        return escaped.ToString();
    }

    private static bool IsControl(char c) =>
        char.GetUnicodeCategory(c) is
            UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator;

    private static LogEventPropertyValue Escape(LogEventPropertyValue value) => value switch
    {
        ScalarValue { Value: string or char or Uri } scalar when scalar.Value.ToString() is { } text && text.Any(IsControl)
            => new ScalarValue(Escape(text)),
        SequenceValue list => new SequenceValue(list.Elements.Select(Escape)),
        StructureValue structure => new StructureValue(
            structure.Properties.Select(p => new LogEventProperty(p.Name, Escape(p.Value))), structure.TypeTag),
        DictionaryValue dictionary => new DictionaryValue(
            dictionary.Elements.Select(e => KeyValuePair.Create((ScalarValue)Escape(e.Key), Escape(e.Value)))),
        _ => value,
    };
}
