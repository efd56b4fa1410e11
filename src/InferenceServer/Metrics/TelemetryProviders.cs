using System.Diagnostics.Metrics;
using System.Reflection;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Models;
using Microsoft.Extensions.Options;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace InferenceServer.Metrics;

/// <summary>OpenTelemetry's providers: started before the first request, flushed after the last.</summary>
internal sealed class TelemetryProviders(
    IOptions<TelemetryOptions> options, IConfiguration configuration, IMeterFactory meters, PrometheusExporter prometheus, ProcessMetrics process, ModelGauges models)
    : IHostedService, IDisposable
{
    private const string Endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";
    private const string Protocol = "OTEL_EXPORTER_OTLP_PROTOCOL";
    private const string ServiceName = "OTEL_SERVICE_NAME";

    // Asking for them is what creates the instruments that nobody records into.
    private readonly object[] _observed = [process, models];
    private readonly TelemetryOptions _options = options.Value;
    private readonly Lock _lock = new();
    private MeterProvider? _metrics;
    private TracerProvider? _traces;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        IConfiguration otel = Variables();
        bool isExporting = !string.IsNullOrWhiteSpace(otel[Endpoint]);
        if (isExporting || _options.Prometheus)
        {
            _metrics = Metrics(otel, isExporting);
        }

        _traces = isExporting ? Traces(otel) : null;
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        Dispose(); // sends what is left
        return Task.CompletedTask;
    }

    public void Dispose()
    {
        // Whoever comes second waits until the first has sent everything, lest the process end before.
        lock (_lock)
        {
            _traces?.Dispose();
            _metrics?.Dispose();
        }
    }

    // The exporter reads OTEL_* itself, headers, timeouts, sampler and intervals included; ours are laid over two of them.
    private IConfigurationRoot Variables()
    {
        Dictionary<string, string?> over = [];
        if (!string.IsNullOrWhiteSpace(_options.OtlpEndpoint))
        {
            over[Endpoint] = _options.OtlpEndpoint;
        }

        if (!string.IsNullOrWhiteSpace(_options.OtlpProtocol))
        {
            over[Protocol] = _options.OtlpProtocol;
        }

        return new ConfigurationBuilder().AddConfiguration(configuration).AddInMemoryCollection(over).Build();
    }

    private MeterProvider Metrics(IConfiguration otel, bool isExporting)
    {
        MeterProviderBuilder builder = Sdk.CreateMeterProviderBuilder()
            .ConfigureServices(services => services.AddSingleton(otel))
            .ConfigureResource(resource => Describe(resource, otel))
            .AddMeter(SegmentationMetrics.MeterName, ProcessMetrics.MeterName, "System.Runtime", "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel")
            .AddView(instrument => IsOurs(instrument) ? null : MetricStreamConfiguration.Drop)
            .SetExemplarFilter(ExemplarFilterType.TraceBased);
        builder = _options.Prometheus ? builder.AddReader(new BaseExportingMetricReader(prometheus)) : builder;
        return (isExporting ? builder.AddOtlpExporter() : builder).Build();
    }

    // Meters are found by name in the whole process, where another host may have some of the same name.
    private bool IsOurs(Instrument instrument) => instrument.Meter.Scope is not IMeterFactory factory || factory == meters;

    private static TracerProvider Traces(IConfiguration otel) => Sdk.CreateTracerProviderBuilder()
        .ConfigureServices(services => services.AddSingleton(otel))
        .ConfigureResource(resource => Describe(resource, otel))
        .AddSource(Tracing.SourceName, "Microsoft.AspNetCore")
        .AddOtlpExporter()
        .Build();

    private static void Describe(ResourceBuilder resource, IConfiguration otel)
    {
        if (string.IsNullOrWhiteSpace(otel[ServiceName]))
        {
            string? version = typeof(TelemetryProviders).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion;
            resource.AddService("inference-server", serviceVersion: version);
        }
    }
}
