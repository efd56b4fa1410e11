using System.Globalization;
using Serilog;
using Serilog.Formatting.Compact;

namespace InferenceServer.Logging;

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
