using System.Globalization;
using Serilog;
using Serilog.Formatting.Compact;

namespace InferenceServer.Logging;

/// <summary>Serilog behind Microsoft's logging: text on the console in development, one JSON object a line otherwise.</summary>
internal static class LoggingSetup
{
    private const string Text = $"{{Timestamp:HH:mm:ss}} {{Level:u3}} {{Message:lj}}{{{TextTail.Name}:l}}";

    public static void AddLogging(this WebApplicationBuilder builder) => builder.Services.AddSerilog(
        (services, log) =>
        {
            log.ReadFrom.Configuration(builder.Configuration).ReadFrom.Services(services).Enrich.FromLogContext().Enrich.With<ControlCharacters>();
            if (builder.Environment.IsDevelopment())
            {
                log.Enrich.With<TextTail>().WriteTo.Console(outputTemplate: Text, formatProvider: CultureInfo.InvariantCulture);
            }
            else
            {
                log.WriteTo.Console(new RenderedCompactJsonFormatter());
            }
        },
        preserveStaticLogger: true);
}
