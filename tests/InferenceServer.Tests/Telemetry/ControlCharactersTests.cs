using InferenceServer.Telemetry;
using Serilog;
using Serilog.Events;

namespace InferenceServer.Tests.Telemetry;

public sealed class ControlCharactersTests
{
    [Fact]
    public async Task Enrich_ValuesOfEachKind_AreEscapedAndOthersAreNot()
    {
        LogLines lines = new();
        using (Serilog.Core.Logger log = new LoggerConfiguration().Enrich.With<ControlCharacters>().WriteTo.Sink(lines).CreateLogger())
        {
            log.Information(
                "{Text} {Fit} {Number} {Character} {List} {Map} {@Object}", "a\nb", "ä \"b\"", 12, '\r',
                (string[])["c\u2028d", "e"], new Dictionary<string, string> { ["f\u001b"] = "g\0" },
                new { H = new { I = "j\u202e" } });
        }

        LogEvent entry = await lines.WaitForAsync("");
        Assert.Equal(
            "\"a\\u000ab\" \"ä \\\"b\\\"\" 12 \"\\u000d\" [\"c\\u2028d\", \"e\"] [(\"f\\u001b\": \"g\\u0000\")] { " +
            "H: { I: \"j\\u202e\" } }",
            entry.RenderMessage());
    }
}
