using Serilog;
using Serilog.Core;

namespace InferenceServer.Logging;

/// <summary>Serilog behind Microsoft's logging: text on the console in development, one JSON object a line otherwise.</summary>
internal static class LoggingSetup
{
    public static void AddLogging(this WebApplicationBuilder builder)
    {
        LoggerConfiguration configuration = new LoggerConfiguration().ReadFrom.Configuration(builder.Configuration).Enrich.FromLogContext();
        Logger logger = (builder.Environment.IsDevelopment()
            ? configuration.WriteTo.Console(outputTemplate: "{Timestamp:HH:mm:ss} {Level:u3} {Message:lj}{NewLine}{Exception}", formatProvider: System.Globalization.CultureInfo.InvariantCulture)
            : configuration.WriteTo.Console(new JsonLineFormatter())).CreateLogger();
        builder.Logging.ClearProviders().AddSerilog(logger, dispose: true);
    }
}
