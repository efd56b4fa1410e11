using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace InferenceServer.Telemetry;

/// <summary>Export of metrics and traces; section <c>Telemetry</c>. OpenTelemetry's variables <c>OTEL_*</c> work,
/// too.</summary>
internal sealed class TelemetryOptions
{
    /// <summary>Whether <c>GET /metrics</c> answers. Default true.</summary>
    public bool Prometheus { get; set; } = true;

    /// <summary>The address of an OpenTelemetry collector for metrics and traces, for instance
    /// <c>http://collector:4317</c>.
    /// Default: <c>OTEL_EXPORTER_OTLP_ENDPOINT</c>; without either, nothing is sent.</summary>
    [RegularExpression("https?://.+")]
    public string? OtlpEndpoint { get; set; }

    /// <summary>The collector's protocol. Default: <c>OTEL_EXPORTER_OTLP_PROTOCOL</c>, else <c>grpc</c>;
    /// <c>http/protobuf</c> usually has port 4318.</summary>
    [AllowedValues(null, "", "grpc", "http/protobuf")]
    public string? OtlpProtocol { get; set; }
}

[OptionsValidator]
internal sealed partial class TelemetryOptionsValidator : IValidateOptions<TelemetryOptions>;
