using System.Diagnostics.Metrics;
using System.Reflection;
using InferenceServer.Hosting;
using InferenceServer.Runtime.Configuration;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Models;
using Microsoft.Extensions.Options;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace InferenceServer.Telemetry;

/// <summary>Registers metrics for scraping, and the export of metrics and traces to a collector where one is
/// configured.</summary>
internal static class TelemetrySetup
{
    private const string Section = "Telemetry";
    private const string Runtime = "System.Runtime";
    private const string Endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";
    private const string Protocol = "OTEL_EXPORTER_OTLP_PROTOCOL";
    private const string ServiceName = "OTEL_SERVICE_NAME";

    public static void AddTelemetry(this WebApplicationBuilder builder)
    {
        builder.Services.AddSection(Section, new TelemetryOptionsValidator());

        // OpenTelemetry reads all variables OTEL_* itself; the options replace two of them.
        ConfigurationManager configuration = builder.Configuration;
        TelemetryOptions options = configuration.GetSection(Section).Get<TelemetryOptions>() ?? new();
        Override(configuration, Endpoint, options.OtlpEndpoint);
        Override(configuration, Protocol, options.OtlpProtocol);

        OpenTelemetryBuilder telemetry = builder.Services.AddOpenTelemetry()
            .ConfigureResource(resource => Describe(resource, configuration))
            .WithMetrics(metrics => metrics
                .AddMeter(
                    SegmentationMetrics.MeterName, ProcessMetrics.MeterName, Runtime,
                    "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel")
                .AddInstrumentation<ProcessMetrics>()
                .AddInstrumentation<ModelGauges>()
                .SetExemplarFilter(ExemplarFilterType.TraceBased));
        builder.Services.ConfigureOpenTelemetryMeterProvider((services, metrics) =>
        {
            IMeterFactory meters = services.GetRequiredService<IMeterFactory>();
            metrics.AddView(
                instrument => IsOf(meters, instrument) && !IsWrongCounter(instrument) ? null : MetricStreamConfiguration.Drop);
        });
        if (options.Prometheus)
        {
            telemetry.WithMetrics(metrics => metrics.AddPrometheusExporter(prometheus =>
            {
                prometheus.ScopeInfoEnabled = false;
                prometheus.TargetInfoEnabled = false;
                prometheus.ScrapeResponseCacheDurationMilliseconds = 0;
            }));
        }

        if (!string.IsNullOrWhiteSpace(configuration[Endpoint]))
        {
            telemetry
                .WithMetrics(metrics => metrics.AddOtlpExporter())
                .WithTracing(traces => traces.AddSource(Tracing.SourceName, "Microsoft.AspNetCore").AddOtlpExporter());
        }
    }

    private static void Override(ConfigurationManager configuration, string variable, string? value)
    {
        if (!string.IsNullOrWhiteSpace(value))
        {
            configuration[variable] = value;
        }
    }

    private static void Describe(ResourceBuilder resource, ConfigurationManager configuration)
    {
        if (string.IsNullOrWhiteSpace(configuration[ServiceName]))
        {
            Assembly assembly = typeof(TelemetrySetup).Assembly;
            string? version = assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion;
            resource.AddService("inference-server", serviceVersion: version);
        }
    }

    // Meters are found by name in the whole process, where another host may have meters of the same name.
    private static bool IsOf(IMeterFactory meters, Instrument instrument) =>
        instrument.Meter.Scope is not IMeterFactory factory || factory == meters;

    // .NET declares them as counters, but they decrease, which a scraper takes for a restart. ProcessMetrics has them
    // as gauges.
    private static bool IsWrongCounter(Instrument instrument) =>
        instrument.Meter.Name == Runtime && instrument.Name is ProcessMetrics.ThreadPoolThreads or ProcessMetrics.ThreadPoolQueue;
}

/// <summary>The endpoint that Prometheus scrapes.</summary>
internal static class MetricsEndpoint
{
    public static void MapMetrics(this IEndpointRouteBuilder routes)
    {
        if (routes.ServiceProvider.GetRequiredService<IOptions<TelemetryOptions>>().Value.Prometheus)
        {
            RequestDelegate scrape = routes.CreateApplicationBuilder().UseOpenTelemetryPrometheusScrapingEndpoint(_ => true).Build();
            // Cast, because a RequestDelegate would not be in the OpenAPI document.
            routes.MapGet("/metrics", (Delegate)((HttpContext http) => scrape(http))).WithName("Metrics")
                .WithTags("Metrics")
                .WithSummary("Returns all metrics as Prometheus text, or as OpenMetrics where the client accepts it.")
                .Produces<string>(StatusCodes.Status200OK, "text/plain", "application/openmetrics-text")
                .DisableHttpMetrics().ForOperators();
        }
    }
}
