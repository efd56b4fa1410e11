using InferenceServer.Runtime;
using InferenceServer.Runtime.Configuration;

namespace InferenceServer.Metrics;

/// <summary>Metrics to whoever scrapes them, metrics and traces to a collector where one is configured.</summary>
internal static class TelemetrySetup
{
    public static void AddTelemetry(this IServiceCollection services)
    {
        services.AddSection("Telemetry", new TelemetryOptionsValidator());
        services.AddSingleton<ProcessMetrics>();
        services.AddSingleton<PrometheusExporter>();
        services.AddHostedService<TelemetryProviders>();
    }
}
