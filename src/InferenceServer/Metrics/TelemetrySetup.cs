using InferenceServer.Runtime;

namespace InferenceServer.Metrics;

/// <summary>Metrics to whoever scrapes them, metrics and traces to a collector where one is configured.</summary>
internal static class TelemetrySetup
{
    public static void AddTelemetry(this IServiceCollection services)
    {
        services.AddOptions<TelemetryOptions>().BindConfiguration("Telemetry").ValidateOnStart(new TelemetryOptionsValidator(), "Telemetry");
        services.AddSingleton<ProcessMetrics>();
        services.AddSingleton<PrometheusExporter>();
        services.AddHostedService<TelemetryProviders>();
    }
}
