using System.Globalization;
using System.Text.Json;
using InferenceServer.Logging;
using Serilog.Events;
using Serilog.Parsing;

namespace InferenceServer.Tests.Logging;

public sealed class JsonLineFormatterTests
{
    [Fact]
    public void Format_MessageWithValues_IsOneLineThatSaysEverythingOnce()
    {
        LogEventProperty[] values = [new("Model", new ScalarValue("street \"a\"\n")), new("LoadMs", new ScalarValue(12.34))];
        LogEvent entry = new(
            new DateTimeOffset(2030, 1, 2, 3, 4, 5, TimeSpan.Zero), LogEventLevel.Warning, new InvalidOperationException("no"), new MessageTemplateParser().Parse("{Model} after {LoadMs:F0} ms."), values);

        JsonElement line = Written(entry);

        Assert.Equal(["Timestamp", "Level", "Message", "Exception", "Properties"], line.EnumerateObject().Select(p => p.Name));
        Assert.Equal("2030-01-02T03:04:05.0000000Z", line.GetProperty("Timestamp").GetString());
        Assert.Equal("Warning", line.GetProperty("Level").GetString());
        Assert.Equal("street \"a\"\n after 12 ms.", line.GetProperty("Message").GetString());
        Assert.Equal(12.34, line.GetProperty("Properties").GetProperty("LoadMs").GetDouble());
        Assert.Contains("no", line.GetProperty("Exception").GetString()!, StringComparison.Ordinal);
    }

    private static JsonElement Written(LogEvent entry)
    {
        using StringWriter text = new(CultureInfo.InvariantCulture);
        new JsonLineFormatter().Format(entry, text);
        Assert.Equal(1, text.ToString().Count(c => c == '\n'));
        return JsonDocument.Parse(text.ToString()).RootElement.Clone();
    }
}
